"""The best classes of an answer, and their form in a response."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from inference.arrays import Probabilities

DECIMALS = 6
"""Of a confidence: enough for a reader, and more than are exact in float32."""

# Up to this many classes are found faster one by one than by sorting: five of 1,000 in 4 µs, not 8.
_FEW = 8


def prediction(probabilities: Probabilities, labels: Sequence[str], count: int) -> dict[str, Any]:
    """The best class, and the ``count`` best as ``predictions``, in the form of a response."""
    predictions = [
        {
            "class_id": class_id,
            "label": labels[class_id],
            "confidence": confidence_in(probabilities, class_id),
        }
        for class_id in best_classes(probabilities, count)
    ]
    return {**predictions[0], "predictions": predictions}


def confidence_in(probabilities: Probabilities, class_id: int) -> float:
    """The probability of a class, rounded as in responses."""
    return round(probabilities.item(class_id), DECIMALS)


def best_classes(probabilities: Probabilities, count: int) -> list[int]:
    """The ``count`` most probable classes, most probable first, equal ones by class id."""
    if count > _FEW:
        order: list[int] = np.argsort(-probabilities, kind="stable")[:count].tolist()
        return order
    remaining = probabilities.copy()
    best = []
    for _ in range(count):
        class_id = int(remaining.argmax())
        best.append(class_id)
        remaining[class_id] = -np.inf
    return best
