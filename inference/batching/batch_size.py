"""How many images are worth taking together, measured on the model and the processor at hand."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from inference.arrays import Pixels

GROUP = 8
"""Images that the session's thread takes at a time and answers together, at most. Hand-overs that
follow each other find their code in the caches: without a network, groups of four save 12 % of an
image's CPU time, groups of eight another 8 %, and larger groups nothing more."""

GROUP_SECONDS = 0.035
"""Target duration of a group. For a slow model the hand-over costs little, and a larger group would
only make each image wait for the others."""

LARGEST = 64

GAIN = 0.1
"""An image must be cheaper by this share than in a batch of half the size, unless that is small."""

# Smaller differences do not count: of two batches that cost the same, the smaller one fits caches
# better under load.
_NOISE = 0.01

# A batch of up to this many images delays no image that would not wait in a group as well.
_SMALL = 4

_TIMES = 3

_SECONDS = 0.05
"""Stop timing after this long: the worker should become ready, and long runs vary less."""

Run = Callable[[Pixels], object]

Clock = Callable[[], float]
"""Seconds, from any moment on."""


def clock_for(threads: int) -> Clock:
    """The clock for runs of a session with this many threads.

    One thread is timed by its own processor time. Workers that start together interrupt each
    other's runs, the longer ones more often: by the wall clock larger batches would seem slower.
    """
    return time.thread_time if threads == 1 else time.perf_counter


class Sizes(NamedTuple):
    """Images taken together.

    Attributes:
        batch: in one ``session.run``, at most.
        group: by the session's thread, in one batch or more, at most.
    """

    batch: int
    group: int


def worthwhile_sizes(
    run: Run,
    pixels_shape: tuple[int, int, int],
    prepare_seconds: float,
    clock: Clock,
    *,
    first_is_dearer: bool = False,
) -> Sizes:
    """Begin with a batch of one image, and double it while that makes images cheaper.

    Each size that is tried delays the worker's readiness, so the search stops at the first size
    that gains nothing.

    Args:
        run: inference of a batch, uint8 ``[N, *pixels_shape]``.
        prepare_seconds: that decoding and resizing an image take, in a batch of any size.
        clock: times the runs.
        first_is_dearer: the first run of each size prepares for the others and is not timed:
            OpenVINO takes up to twice the time for it.

    Returns:
        A batch of 1 to 4 for most networks, since each image costs about the same in any batch;
        up to ``LARGEST`` where a run has a cost of its own.
    """

    def seconds(size: int) -> float:
        batch = np.zeros((size, *pixels_shape), np.uint8)
        if first_is_dearer:
            run(batch)
        return prepare_seconds + seconds_of(lambda: run(batch), clock) / size

    batch, cost = 1, seconds(1)
    while batch < LARGEST:
        larger, gain = seconds(2 * batch), _NOISE if batch < _SMALL else GAIN
        if larger >= (1 - gain) * cost:
            break
        batch, cost = 2 * batch, larger
    return Sizes(batch, max(batch, min(GROUP, math.ceil(GROUP_SECONDS / cost))))


def seconds_of(action: Callable[[], object], clock: Clock) -> float:
    """The fastest of a few runs: the first makes memory grow, and other programs disturb some."""
    seconds: list[float] = []
    while len(seconds) < _TIMES and sum(seconds) < _SECONDS:
        started = clock()
        action()
        seconds.append(clock() - started)
    return min(seconds)
