"""The best classes of an answer, and how they are told."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

DECIMALS = 6
"""Of a confidence: enough for who reads it, and finer than float32 is meaningful for here."""


def prediction(
    probabilities: npt.NDArray[np.float32], labels: Sequence[str], count: int
) -> dict[str, Any]:
    """The best class, and the ``count`` best as ``predictions``, as they stand in a response.

    Args:
        probabilities: float32 ``[classes]``.
        labels: of the classes.
        count: of the classes wanted, 1 to all.
    """
    best = best_classes(probabilities, count)
    pairs = zip(best.tolist(), probabilities[best].tolist(), strict=True)
    predictions = [
        {
            "class_id": class_id,
            "label": labels[class_id],
            "confidence": round(confidence, DECIMALS),
        }
        for class_id, confidence in pairs
    ]
    return {**predictions[0], "predictions": predictions}


def best_classes(probabilities: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.intp]:
    """The most probable classes, most probable first, equal ones by class id.

    Only those that can be among them are sorted: a third of the time of sorting 1,000.

    Args:
        probabilities: float32 ``[classes]``.
        count: of the classes wanted, 1 to all.
    """
    least = np.partition(probabilities, -count)[-count]
    (candidates,) = np.nonzero(probabilities >= least)
    order = np.argsort(-probabilities[candidates], kind="stable")[:count]
    return candidates[order]
