"""A decision: the classes of an answer whose confidence reaches their threshold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.answers.top_k import DECIMALS, best_classes, confidence_in
from inference.arrays import Probabilities

Thresholds = npt.NDArray[np.float64]
"""Least confidence of a decision, 0…1, ``[classes]``."""


def thresholds_for(values: Sequence[float], classes: int) -> Thresholds | None:
    """The threshold of each class. Values are one for all, one per class, or none: then None."""
    return np.broadcast_to(np.array(values), classes) if values else None


def decision(
    probabilities: Probabilities,
    thresholds: Thresholds,
    labels: Sequence[str],
    *,
    multi_label: bool,
) -> dict[str, Any]:
    """``decision`` and ``reason`` in the form of a response.

    The decision is the label of the most probable class, or None if its rounded confidence is
    below its threshold. With ``multi_label`` it is a list of all labels that reach their
    thresholds, most probable first. The reason says why there is no label; None if there is one.
    """
    if multi_label:
        decided = [labels[each] for each in _reaching(probabilities, thresholds)]
        reason = None if decided else "no confidence reaches the threshold of its class"
        return {"decision": decided, "reason": reason}
    (best,) = best_classes(probabilities, 1)
    confidence, threshold = confidence_in(probabilities, best), float(thresholds[best])
    if confidence >= threshold:
        return {"decision": labels[best], "reason": None}
    reason = f"the confidence {confidence} in {labels[best]!r} is below its threshold {threshold}"
    return {"decision": None, "reason": reason}


def _reaching(probabilities: Probabilities, thresholds: Thresholds) -> list[int]:
    """Class ids, most probable first, equal ones by class id."""
    near = np.flatnonzero(probabilities + 10**-DECIMALS >= thresholds)
    order: list[int] = near[np.argsort(-probabilities[near], kind="stable")].tolist()
    return [each for each in order if confidence_in(probabilities, each) >= thresholds[each]]
