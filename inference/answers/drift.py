"""Drift: how far the latest answers are from those for the photographs of the reference.

The population stability index compares two distributions over the same bins:
``sum((actual - expected) * ln(actual / expected))`` (Siddiqi, Credit Risk Scorecards, 2006). By
his rule of thumb less than 0.1 is no change, and more than 0.25 a great one. Half an image is
added to every bin: an empty bin would give infinity.
"""

from collections import Counter, deque
from collections.abc import Iterable

import numpy as np

from model_checks import CONFIDENCE_BINS, Reference

SHOWN_CLASSES = 20
"""Classes with a bin of their own; all others share one."""

WINDOW = 1000
"""Latest answers that are compared, of each worker."""

LEAST = 200
"""With fewer answers, chance alone would look like a change."""

_ADDED = 0.5


def confidence_bin(confidence: float) -> int:
    """The bin of a confidence, 0…1."""
    return min(int(confidence * CONFIDENCE_BINS), CONFIDENCE_BINS - 1)


def reference_of(answers: Iterable[tuple[int, float]]) -> Reference:
    """The reference of some answers, at least one: each is the best class and its confidence."""
    classes, confidences = Counter[int](), [0] * CONFIDENCE_BINS
    for class_id, confidence in answers:
        classes[class_id] += 1
        confidences[confidence_bin(confidence)] += 1
    return Reference(classes=dict(classes.most_common()), confidences=tuple(confidences))


def most_common(reference: Reference) -> list[int]:
    """Ids of the classes that get bins of their own, most frequent first."""
    return sorted(reference.classes, key=lambda each: -reference.classes[each])[:SHOWN_CLASSES]


def stability_index(expected: Iterable[float], actual: Iterable[float]) -> float:
    """The population stability index of two lists of counts, one for each bin."""
    shares = []
    for counts in (expected, actual):
        added = np.asarray(list(counts), np.float64) + _ADDED
        shares.append(added / added.sum())
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


class Drift:
    """The last answers of this process against the model's reference."""

    def __init__(self, reference: Reference) -> None:
        self._bins = {class_id: index for index, class_id in enumerate(most_common(reference))}
        images = sum(reference.classes.values())
        shown = [reference.classes[class_id] for class_id in self._bins]
        self._expected = [*shown, images - sum(shown)], reference.confidences
        self._window: deque[tuple[int, int]] = deque(maxlen=WINDOW)

    def add(self, class_id: int, confidence: float) -> None:
        """Add an answer to the window."""
        bin_of_class = self._bins.get(class_id, len(self._bins))
        self._window.append((bin_of_class, confidence_bin(confidence)))

    def indices(self) -> tuple[float, float] | None:
        """Indices of the classes and of the confidence; None if there are too few answers."""
        if len(self._window) < LEAST:
            return None
        classes, confidences = zip(*self._window, strict=True)
        return (
            stability_index(self._expected[0], np.bincount(classes, minlength=len(self._bins) + 1)),
            stability_index(self._expected[1], np.bincount(confidences, minlength=CONFIDENCE_BINS)),
        )
