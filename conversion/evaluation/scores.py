"""How good a model's answers are."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from conversion.evaluation.calibration import Curve

TOP = 5
"""Classes of an answer that are kept."""

BINS = 15
"""Bins of the calibration error, equally wide, as Guo et al. chose them."""

_SHOWN = 10
"""Worst classes, and most frequent confusions."""

Z = 1.959964
"""97.5 % quantile of the normal distribution: intervals of 95 %."""


class Prediction(NamedTuple):
    """A model's answer for a photograph.

    Attributes:
        class_id: that the photograph shows; None if that is not known.
        best: the most probable classes, up to ``TOP``, most probable first.
        confidence: in the first of them.
        curve: for the temperature; None if the class is not known.
    """

    class_id: int | None
    best: tuple[int, ...]
    confidence: float
    curve: "Curve | None" = None

    @property
    def is_right(self) -> bool:
        """Whether the most probable class is the photograph's."""
        return self.best[0] == self.class_id


@dataclass(frozen=True)
class ClassScore:
    """How often the photographs of one class were recognised."""

    class_id: int
    right: int
    photographs: int


@dataclass(frozen=True)
class Confusion:
    """How often photographs of one class were taken for another."""

    class_id: int
    predicted: int
    photographs: int


@dataclass(frozen=True)
class Scores:
    """Scores of a model over the photographs whose class is known.

    Attributes:
        top_1: share whose most probable class is right.
        top_1_interval: Wilson's interval of 95 %.
        top_5: share whose class is among the five most probable; None with five classes or less.
        calibration_error: expected calibration error, :func:`calibration_error`.
        mean_confidence: in the most probable class.
        worst: the classes that were recognised least often, worst first.
        confusions: the most frequent first.
    """

    photographs: int
    top_1: float
    top_1_interval: tuple[float, float]
    top_5: float | None
    calibration_error: float
    mean_confidence: float
    worst: tuple[ClassScore, ...]
    confusions: tuple[Confusion, ...]


def scores(predictions: Sequence[Prediction], classes: int) -> Scores | None:
    """Score the predictions of a model of so many classes; None if no class is known."""
    known = [each for each in predictions if each.class_id is not None]
    if not known:
        return None
    right = sum(each.is_right for each in known)
    among_best = sum(each.class_id in each.best for each in known)
    return Scores(
        photographs=len(known),
        top_1=right / len(known),
        top_1_interval=wilson_interval(right, len(known)),
        top_5=among_best / len(known) if classes > TOP else None,
        calibration_error=calibration_error(known),
        mean_confidence=sum(each.confidence for each in known) / len(known),
        worst=_worst(known),
        confusions=_confusions(known),
    )


def calibration_error(predictions: Sequence[Prediction]) -> float:
    """Expected calibration error: the mean of |accuracy − mean confidence| over ``BINS`` bins of
    the confidence, weighted by the photographs in them. Bin m holds (m−1)/M < confidence ≤ m/M.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3.
    """
    confidence = np.array([each.confidence for each in predictions])
    right = np.array([each.is_right for each in predictions], dtype=float)
    bins = np.ceil(confidence * BINS).clip(1, BINS).astype(int)
    gaps = np.bincount(bins, weights=right - confidence)
    return float(np.abs(gaps).sum() / len(predictions))


def wilson_interval(right: int, count: int) -> tuple[float, float]:
    """Score interval of 95 % of a share, 0…1.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.
    """
    share, square = right / count, Z * Z / count
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(share * (1 - share) * square + square * square / 4) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def _worst(known: Sequence[Prediction]) -> tuple[ClassScore, ...]:
    """Classes with mistakes; of equal shares the one with more photographs first."""
    counts = Counter(each.class_id for each in known)
    right = Counter(each.class_id for each in known if each.is_right)
    found = [
        ClassScore(class_id, right[class_id], count)
        for class_id, count in counts.items()
        if class_id is not None and right[class_id] < count
    ]
    found.sort(key=lambda each: (each.right / each.photographs, -each.photographs, each.class_id))
    return tuple(found[:_SHOWN])


def _confusions(known: Sequence[Prediction]) -> tuple[Confusion, ...]:
    counts = Counter((each.class_id, each.best[0]) for each in known if not each.is_right)
    found = [
        Confusion(class_id, predicted, count)
        for (class_id, predicted), count in counts.items()
        if class_id is not None
    ]
    found.sort(key=lambda each: (-each.photographs, each.class_id, each.predicted))
    return tuple(found[:_SHOWN])
