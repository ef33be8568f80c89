"""The temperature that makes confidences true, and the threshold for a precision.

A temperature T divides the logits: a probability p becomes p^(1/T), divided by the sum of those of
all classes. So T can be fitted on probabilities alone.

Source: Guo et al., On Calibration of Modern Neural Networks, 2017, section 4.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from conversion.evaluation.scores import Prediction, calibration_error, wilson_interval
from inference.answers.top_k import DECIMALS

TEMPERATURES = 1.02 ** np.arange(-80, 81)
"""Tried temperatures: 0.2 to 4.9 in steps of 2 %."""

_AS_IT_IS = 80
"""Index of the temperature 1."""

_SEED = 0

_SMALLEST = float(np.finfo(np.float32).tiny)
"""Smaller probabilities are replaced by it, since their logarithm is needed."""

_PHOTOGRAPHS = 20
"""Fewest photographs in a half."""


class Curve(NamedTuple):
    """What is kept of an answer, for its confidence and its likelihood at each temperature.

    Attributes:
        log_sums: float32, log Σ (p / p_max)^(1/T) for each of ``TEMPERATURES``.
        gap: log (p_max / p) of the class that the photograph shows; 0 if it is the best one.
    """

    log_sums: npt.NDArray[np.float32]
    gap: float


@dataclass(frozen=True)
class Threshold:
    """The least confidence for a precision.

    Attributes:
        value: the threshold that reaches the precision over all photographs.
        answered: held-out photographs that reach the threshold found on the other half.
        right: of these, those with the right answer.
        interval: Wilson's interval of 95 % of the precision of held-out photographs.
        photographs: all labelled ones.
    """

    value: float
    answered: int
    right: int
    interval: tuple[float, float]
    photographs: int


@dataclass(frozen=True)
class Calibration:
    """How true a model's confidences are, and the temperature that makes them truer.

    The photographs are halved at random. Figures of held-out photographs are of each half, with
    what was fitted on the other half.

    Attributes:
        temperature: fitted on all photographs.
        of_halves: fitted on each half.
        is_at_an_end: whether the best temperature is the first or last that was tried.
        error_before: expected calibration error.
        error_after: of held-out photographs, with the temperature.
        confidence_after: mean of held-out photographs, with the temperature.
        precision: that was asked for; None if none was.
        threshold: for the precision, without the temperature; None if the photographs or one of
            the halves do not reach it.
        calibrated_threshold: the same with the temperature.
    """

    temperature: float
    of_halves: tuple[float, float]
    is_at_an_end: bool
    error_before: float
    error_after: float
    confidence_after: float
    precision: float | None = None
    threshold: Threshold | None = None
    calibrated_threshold: Threshold | None = None


def curve(probabilities: npt.NDArray[np.float32], class_id: int) -> Curve:
    """The curve of an answer: float32 ``[classes]`` that sum to 1."""
    logs = np.log(probabilities.clip(_SMALLEST))
    below = logs - logs.max()
    log_sums = np.log(np.exp(below / TEMPERATURES[:, None]).sum(axis=1))
    return Curve(log_sums.astype(np.float32), float(-below[class_id]))


def calibrate(
    predictions: Sequence[Prediction], precision: float | None = None
) -> Calibration | None:
    """Fit a temperature, and a threshold for a precision if one is named.

    Args:
        predictions: of one model; those without a curve are left out.
        precision: share of the answers that are to be right, 0…1.

    Returns:
        None if there are too few photographs.
    """
    known = _Known.of(predictions)
    if len(known.predictions) < 2 * _PHOTOGRAPHS:
        return None
    halves = known.halves()
    places = [half.best_place() for half in halves]
    held_out = [half.at(place) for half, place in zip(halves, reversed(places), strict=True)]
    after = [each for half in held_out for each in half]
    best = known.best_place()
    found = Calibration(
        temperature=float(TEMPERATURES[best]),
        of_halves=(float(TEMPERATURES[places[0]]), float(TEMPERATURES[places[1]])),
        is_at_an_end=best in (0, len(TEMPERATURES) - 1),
        error_before=calibration_error(known.predictions),
        error_after=calibration_error(after),
        confidence_after=sum(each.confidence for each in after) / len(after),
    )
    if precision is None:
        return found
    return replace(
        found,
        precision=precision,
        threshold=_threshold(known, halves, [_AS_IT_IS] * 2, _AS_IT_IS, precision),
        calibrated_threshold=_threshold(known, halves, places, best, precision),
    )


@dataclass(frozen=True)
class _Known:
    """Predictions whose class is known.

    Attributes:
        log_sums: ``[photographs, temperatures]``.
        gaps: ``[photographs]``.
    """

    predictions: list[Prediction]
    log_sums: npt.NDArray[np.float32]
    gaps: npt.NDArray[np.float64]

    @classmethod
    def of(cls, predictions: Sequence[Prediction]) -> "_Known":
        """Those with a curve."""
        kept = [(each, each.curve) for each in predictions if each.curve is not None]
        return cls(
            [each for each, _ in kept],
            np.array([curve.log_sums for _, curve in kept]),
            np.array([curve.gap for _, curve in kept]),
        )

    def halves(self) -> list["_Known"]:
        """At random, by a fixed seed."""
        order = np.random.default_rng(_SEED).permutation(len(self.predictions))
        return [
            _Known([self.predictions[at] for at in half], self.log_sums[half], self.gaps[half])
            for half in (order[::2], order[1::2])
        ]

    def best_place(self) -> int:
        """Index of the temperature at which the labels are most likely."""
        losses = self.log_sums + self.gaps[:, None] / TEMPERATURES
        return int(losses.mean(axis=0).argmin())

    def at(self, place: int) -> list[Prediction]:
        """The predictions with their confidences at a temperature."""
        confidences = np.exp(-self.log_sums[:, place].astype(float)).round(DECIMALS)
        return [
            each._replace(confidence=float(confidence))
            for each, confidence in zip(self.predictions, confidences, strict=True)
        ]


def _threshold(
    known: _Known, halves: Sequence[_Known], places: Sequence[int], best: int, precision: float
) -> Threshold | None:
    """Chosen on all photographs at the best place, measured on each half with the other half's."""
    value = least_confidence(known.at(best), precision)
    own = [
        least_confidence(half.at(place), precision)
        for half, place in zip(halves, places, strict=True)
    ]
    if value is None or own[0] is None or own[1] is None:
        return None
    answered = [
        each
        for half, place, least in zip(halves, reversed(places), reversed(own), strict=True)
        for each in half.at(place)
        if least is not None and each.confidence >= least
    ]
    right = sum(each.is_right for each in answered)
    interval = wilson_interval(right, len(answered)) if answered else (0.0, 1.0)
    return Threshold(value, len(answered), right, interval, len(known.predictions))


def least_confidence(predictions: Sequence[Prediction], precision: float) -> float | None:
    """The lowest confidence from which on the share of right answers reaches a precision.

    None if it is never reached.
    """
    ordered = sorted(predictions, key=lambda each: -each.confidence)
    right, found = 0, None
    for count, each in enumerate(ordered, 1):
        right += each.is_right
        is_last_of_equals = count == len(ordered) or ordered[count].confidence < each.confidence
        if is_last_of_equals and right >= precision * count:
            found = each.confidence
    return found
