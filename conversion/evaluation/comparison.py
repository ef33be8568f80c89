"""Two models' answers for the same photographs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from conversion.evaluation.scores import Prediction, Z

_HALVINGS = 50
"""Of the bisection: more digits than a float has."""


@dataclass(frozen=True)
class Comparison:
    """The first model beside the second, over the photographs that both classified.

    Attributes:
        labelled: photographs whose class is known.
        only_first: of these, those that only the first model recognised.
        only_second: of these, those that only the second model recognised.
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
    """Score interval of 95 % of the difference of two shares over the same photographs.

    A bootstrap's would be too narrow where the models differ on a few photographs only.

    Source: Tango, Equivalence test and confidence interval for the difference in proportions for
    the paired-sample design, Statistics in Medicine 17, 1998.

    Args:
        only_first: photographs that only the first model recognised.
        only_second: photographs that only the second model recognised.
        count: all photographs, at least one.
    """
    return -_high_end(only_second, only_first, count), _high_end(only_first, only_second, count)


def _high_end(more: int, less: int, count: int) -> float:
    """The largest difference of the two shares that the score test does not reject."""
    low, high = (more - less) / count, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        distance = count * middle - (more - less)
        if distance * distance < Z * Z * _variance(more, less, count, middle):
            low = middle
        else:
            high = middle
    return high


def _variance(more: int, less: int, count: int, difference: float) -> float:
    """Of ``more - less``, if the shares differ by so much: with the most likely share of less."""
    linear = (2 * count - more + less) * difference - more - less
    constant = -less * difference * (1 - difference)
    share = (math.sqrt(linear * linear - 8 * count * constant) - linear) / (4 * count)
    return count * (2 * share + difference * (1 - difference))


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's exact test: a fair coin for each photograph that only one
    of the two got right.
    """
    count = only_first + only_second
    tail = sum(math.comb(count, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, tail / (1 << count) * 2)
