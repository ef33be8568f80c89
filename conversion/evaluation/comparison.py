"""Two models' answers for the same photographs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conversion.evaluation.scores import Prediction

_RESAMPLES, _SEED = 10_000, 0
TAIL = 0.025
"""On each side of an interval of 95 %."""


@dataclass(frozen=True)
class Comparison:
    """The first model beside the second, over the photographs that both classified.

    ``only_first`` are those labelled ones that only the first got right.

    Attributes:
        agreement: share with the same most probable class.
        difference: top-1 of the first minus top-1 of the second; None without labels.
        interval: of 95 % of the difference, :func:`paired_interval`.
        p_value: of McNemar's exact test that both are as good.
    """

    photographs: int
    agreement: float
    labelled: int
    only_first: int
    only_second: int
    difference: float | None
    interval: tuple[float, float] | None
    p_value: float | None


def compare(first: Sequence[Prediction], second: Sequence[Prediction]) -> Comparison:
    """Compare two models' predictions for the same photographs, at least one."""
    pairs = list(zip(first, second, strict=True))
    known = [(a.is_right, b.is_right) for a, b in pairs if a.class_id is not None]
    only_first, only_second = known.count((True, False)), known.count((False, True))
    count = len(known)
    return Comparison(
        photographs=len(pairs),
        agreement=sum(a.best[0] == b.best[0] for a, b in pairs) / len(pairs),
        labelled=count,
        only_first=only_first,
        only_second=only_second,
        difference=(only_first - only_second) / count if count else None,
        interval=paired_interval(only_first, only_second, count) if count else None,
        p_value=mcnemar(only_first, only_second) if count else None,
    )


def paired_interval(only_first: int, only_second: int, count: int) -> tuple[float, float]:
    """Interval of 95 % of the difference of two shares over the same photographs.

    Paired bootstrap: percentiles of 10,000 seeded resamples of the photographs. Drawing
    photographs with replacement draws these counts from a multinomial distribution.

    Where the models never differ, resamples say nothing: then the share of photographs on which
    they might is bounded exactly (Clopper and Pearson, 1934), and with it the difference.

    ``count`` is of all photographs, at least one.
    """
    if only_first + only_second == 0:
        bound = 1 - TAIL ** (1 / count)
        return -bound, bound
    shares = np.array([only_first, only_second, count - only_first - only_second]) / count
    drawn = np.random.default_rng(_SEED).multinomial(count, shares, _RESAMPLES)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / count, [TAIL, 1 - TAIL])
    return float(low), float(high)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's exact test: a fair coin for each photograph that only one
    of the two got right.
    """
    count = only_first + only_second
    tail = sum(math.comb(count, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, tail / (1 << count) * 2)
