"""A decision: the classes of an answer whose confidence reaches their threshold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.answers.top_k import DECIMALS, best_classes, confidence_in

Thresholds = npt.NDArray[np.float64]
"""Least confidence of a decision, 0…1, ``[classes]``."""


def thresholds_for(values: Sequence[float], classes: int) -> Thresholds | None:
    """The threshold of each class.

    Args:
        values: one for all classes, or one per class; empty: there is nothing to decide.
        classes: how many there are.
    """
    return np.broadcast_to(np.array(values), classes) if values else None


def decision(
    probabilities: npt.NDArray[np.float32],
    thresholds: Thresholds,
    labels: Sequence[str],
    *,
    multi_label: bool,
) -> dict[str, Any]:
    """``decision`` and ``reason`` as they stand in a response.

    The decision is the label of the most probable class, or None if its confidence is below its
    threshold. Where an image may show several classes, it is a list of all labels that reach
    theirs, most probable first. The reason says why there is no label; else it is None.

    Args:
        probabilities: float32 ``[classes]``.
        thresholds: compared with confidences as they are told.
        labels: of the classes.
        multi_label: whether an image may show several classes, or none.
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


def _reaching(probabilities: npt.NDArray[np.float32], thresholds: Thresholds) -> list[int]:
    """Class ids, most probable first, equal ones by class id."""
    near = np.flatnonzero(probabilities + 10**-DECIMALS >= thresholds)
    order: list[int] = near[np.argsort(-probabilities[near], kind="stable")].tolist()
    return [each for each in order if confidence_in(probabilities, each) >= thresholds[each]]
