import base64
import math
from typing import Any

import numpy as np
import pytest

from errors import InvalidParameter
from harness.toys import RED, pixels
from model_spec import ModelSpec
from preprocessing.overlay import overlay
from preprocessing.pixels import Picture
from serving.explanation.answers import Evidence, Method, check_classes, explanation
from serving.parameters import MAX_CLASSES, MapForm, Parameters

MAPS = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
EVIDENCE = Evidence(
    Method.CLASS_ACTIVATION,
    probabilities=np.array([0.2, 0.7, 0.1], np.float32),
    maps=MAPS,
    logits=np.array([1, 2, 3], np.float32),
    sums=np.array([1, 2, 3.000001], np.float32),
)
SQUARE = Picture(pixels(RED), 4, 4)


def told(spec: ModelSpec, parameters: Parameters, picture: Picture = SQUARE) -> dict[str, Any]:
    return explanation(EVIDENCE, picture, parameters, spec)


def test_an_explanation_is_told_in_numbers(toy_spec: ModelSpec) -> None:
    assert told(toy_spec, Parameters(top_k=1)) == {
        "predictions": [
            {
                "class_id": 1,
                "label": "green",
                "confidence": 0.7,
                "logit": 2.0,
                "map": {"height": 2, "width": 2, "values": [[4.0, 5.0], [6.0, 7.0]]},
                "check": {"mean_plus_bias": 2.0},
            }
        ],
        "crop": {"x": 0.0, "y": 0.0, "width": 4.0, "height": 4.0},
        "image": {"width": 4, "height": 4},
        "method": "class_activation",
    }


def test_what_a_method_does_not_show_is_null(toy_spec: ModelSpec) -> None:
    evidence = Evidence(Method.OCCLUSION, EVIDENCE.probabilities, MAPS)
    answer = explanation(evidence, SQUARE, Parameters(1), toy_spec)
    assert answer["method"] == "occlusion"
    assert answer["predictions"][0]["logit"] is None
    assert answer["predictions"][0]["check"] is None


def test_a_png_is_the_overlay_of_the_crop(toy_spec: ModelSpec) -> None:
    shown = told(toy_spec, Parameters(1, map=MapForm.PNG))["predictions"][0]["map"]
    head, _, content = shown.pop("png").partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(content) == overlay(MAPS[1], 4, 4)
    assert shown == {"height": 2, "width": 2}


@pytest.mark.parametrize(
    ("parameters", "classes"),
    [
        (Parameters(), [1, 0, 2]),
        (Parameters(top_k=2), [1, 0]),
        (Parameters(top_k=9), [1, 0, 2]),
        (Parameters(top_k=1, class_ids=(2, 0, 2)), [2, 0]),
    ],
)
def test_the_classes_are_those_asked_for_or_the_best(
    parameters: Parameters, classes: list[int], toy_spec: ModelSpec
) -> None:
    check_classes(parameters, 3)
    assert [each["class_id"] for each in told(toy_spec, parameters)["predictions"]] == classes


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        (Parameters(class_ids=(3,)), "class_ids must be 0 to 2, not '3'"),
        (Parameters(class_ids=(0, -1)), "class_ids must be 0 to 2, not '-1'"),
        (Parameters(top_k=0), "top_k must be at least 1, not '0'"),
    ],
)
def test_what_the_model_does_not_have_is_refused(parameters: Parameters, problem: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_classes(parameters, 3)
    assert caught.value.message == problem


def test_more_classes_than_are_drawn_in_time_are_refused() -> None:
    check_classes(Parameters(top_k=MAX_CLASSES), 30)
    with pytest.raises(InvalidParameter, match=r"^top_k asks for 21 classes"):
        check_classes(Parameters(top_k=MAX_CLASSES + 1), 30)
    check_classes(Parameters(top_k=MAX_CLASSES + 1), 3)


def test_the_crop_is_told_in_the_pixels_of_the_photograph(toy_spec: ModelSpec) -> None:
    answer = told(toy_spec, Parameters(), Picture(pixels(RED), 80, 40))
    assert answer["crop"] == {"x": 20.0, "y": 0.0, "width": 40.0, "height": 40.0}
    assert answer["image"] == {"width": 80, "height": 40}
    assert math.isclose(answer["predictions"][0]["confidence"], 0.7)
