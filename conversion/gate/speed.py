"""How fast a model is beside another: both run in turn, in several rounds."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from inference.sessions.session import Session

ROUNDS = 9
"""If the true median is at the limit, the second lowest of nine rounds is above it in only 2 % of
measurements: in 10 of 2⁹ cases."""

QUICK_ROUNDS = 3

_ROUND_SECONDS = 0.2
"""For each model; a slower one runs once."""

_SEED = 0


class Speed(NamedTuple):
    """One model beside another.

    Attributes:
        milliseconds: that one image takes, median of the rounds.
        ratio: how many times as fast as the other, median of the rounds.
        ratio_at_least: the second lowest of the rounds.
    """

    milliseconds: float
    milliseconds_other: float
    ratio: float
    ratio_at_least: float


def measure(session: Session, other: Session, rounds: int = ROUNDS) -> Speed:
    """Compare the speed of two models with inputs of the same shape, one image at a time.

    There must be at least two rounds.
    """
    pixels = np.random.default_rng(_SEED).integers(
        0, 256, (1, *session.spec.pixels_shape), dtype=np.uint8
    )
    # Processor time, so that other processes do not count; on a GPU there is only the clock.
    clock = time.process_time if session.device.on_cpu else time.perf_counter
    runs = [partial(each.run, pixels) for each in (session, other)]
    for run in runs:
        run()
    times = [tuple(_milliseconds(run, clock) for run in runs) for _ in range(rounds)]
    ratios = sorted(second / first for first, second in times)
    first, second = (statistics.median(column) for column in zip(*times, strict=True))
    return Speed(first, second, statistics.median(ratios), ratios[1])


def _milliseconds(run: Callable[[], object], clock: Callable[[], float]) -> float:
    """Mean of one run over a round."""
    started, ended, count = clock(), time.perf_counter() + _ROUND_SECONDS, 0
    while not count or time.perf_counter() < ended:
        run()
        count += 1
    return (clock() - started) / count * 1000
