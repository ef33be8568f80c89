"""Which classes are explained, and the explanation as responses have it."""

import base64
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from errors import InvalidParameter, shortened
from inference.answers.top_k import DECIMALS, best_classes
from inference.arrays import Probabilities
from model_spec import ModelSpec
from preprocessing.overlay import overlay
from preprocessing.pixels import Picture
from preprocessing.transform import crop_box
from serving.parameters import (
    CLASS_IDS,
    DEFAULT_TOP_K,
    MAX_CLASSES,
    TOP_K,
    MapForm,
    Parameters,
    checked_top_k,
)

EXPLANATION = "explanation"
"""Key of the explanation in an answer of ``/classify``."""

_PIXEL_DECIMALS = 3

Numbers = npt.NDArray[np.float32]


class Method(StrEnum):
    """How maps are computed."""

    CLASS_ACTIVATION = "class_activation"
    OCCLUSION = "occlusion"


class Evidence(NamedTuple):
    """A model's answer for an image, and its maps.

    Attributes:
        maps: float32 ``[classes, h, w]``, over the crop.
        logits: float32 ``[classes]``; None if the method has none.
        sums: float32 ``[classes]``, the mean of each map plus the bias; None if it has none.
    """

    method: Method
    probabilities: Probabilities
    maps: Numbers
    logits: Numbers | None = None
    sums: Numbers | None = None


def check_classes(parameters: Parameters, classes: int) -> None:
    """Check which classes a client wants to have explained.

    Args:
        classes: that the model has.

    Raises:
        InvalidParameter: the model has no such class, or too many are wanted.
    """
    for each in parameters.class_ids or ():
        if not 0 <= each < classes:
            raise InvalidParameter(f"{CLASS_IDS} must be 0 to {classes - 1}, not {shortened(each)}")
    count = _best(parameters, classes)
    if not parameters.class_ids and count > MAX_CLASSES:
        raise InvalidParameter(
            f"{TOP_K} asks for {count} classes, an explanation takes {MAX_CLASSES}"
        )


def _best(parameters: Parameters, classes: int) -> int:
    """How many of the best classes are wanted."""
    top_k = parameters.top_k
    return min(DEFAULT_TOP_K if top_k is None else checked_top_k(top_k), classes)


def _wanted(parameters: Parameters, probabilities: Probabilities) -> list[int]:
    """The classes to explain: those asked for, else the most probable, best first."""
    if parameters.class_ids:
        return list(dict.fromkeys(parameters.class_ids))
    return best_classes(probabilities, _best(parameters, len(probabilities)))


def explanation(
    evidence: Evidence, picture: Picture, parameters: Parameters, spec: ModelSpec
) -> dict[str, Any]:
    """The response of ``/explain`` without its footer; the explanation of ``/classify``."""
    left, top, right, bottom = crop_box(picture.width, picture.height, spec.preprocessing)
    sides = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return {
        "predictions": [
            _prediction(evidence, class_id, parameters.map, spec)
            for class_id in _wanted(parameters, evidence.probabilities)
        ],
        "crop": {name: round(pixels, _PIXEL_DECIMALS) for name, pixels in sides.items()},
        "image": {"width": picture.width, "height": picture.height},
        "method": evidence.method,
    }


def _prediction(
    evidence: Evidence, class_id: int, form: MapForm | None, spec: ModelSpec
) -> dict[str, Any]:
    sums = evidence.sums
    return {
        "class_id": class_id,
        "label": spec.labels[class_id],
        "confidence": _rounded(evidence.probabilities[class_id]),
        "logit": None if evidence.logits is None else _rounded(evidence.logits[class_id]),
        "map": _map(evidence.maps[class_id], form, spec.pixels_shape),
        "check": None if sums is None else {"mean_plus_bias": _rounded(sums[class_id])},
    }


def _map(values: Numbers, form: MapForm | None, pixels_shape: Sequence[int]) -> dict[str, Any]:
    height, width = values.shape
    size = {"height": height, "width": width}
    if form is not MapForm.PNG:
        return {**size, "values": [[_rounded(each) for each in row] for row in values]}
    png = overlay(values, width=pixels_shape[1], height=pixels_shape[0])
    return {**size, "png": "data:image/png;base64," + base64.b64encode(png).decode()}


def _rounded(number: np.float32) -> float:
    return round(float(number), DECIMALS)
