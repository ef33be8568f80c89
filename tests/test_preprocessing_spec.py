import re
from typing import Any

import pytest
from pydantic import ValidationError

from harness.toys import toy_preprocessing
from model_spec import Channels, Interpolation, Preprocessing, ResizeMode, Rounding, Size


def changed(**fields: Any) -> Preprocessing:
    return Preprocessing.model_validate(toy_preprocessing().model_dump() | fields)


@pytest.mark.parametrize("given", [4, [4, 4], (4, 4), {"height": 4, "width": 4}, Size.square(4)])
def test_a_number_stands_for_a_square(given: Any) -> None:
    assert changed(crop_size=given).crop_size == Size(height=4, width=4)


def test_of_two_numbers_the_height_comes_first() -> None:
    assert changed(crop_size=[2, 4]).pixels_shape == (2, 4, 3)
    assert str(Size(height=2, width=4)) == "2 x 4 (height x width)"


def test_what_is_not_said_is_as_torchvision_does_it() -> None:
    plain = toy_preprocessing()

    assert plain.resize_mode is ResizeMode.SHORTEST_SIDE
    assert plain.rounding is Rounding.TORCHVISION
    assert plain.channels is Channels.RGB
    assert plain.antialias
    assert not plain.can_pad


@pytest.mark.parametrize(
    ("mode", "resize", "crop", "pads"),
    [
        (ResizeMode.SHORTEST_SIDE, 256, 224, False),
        (ResizeMode.SHORTEST_SIDE, 256, (224, 320), True),
        (ResizeMode.SQUASH, 224, 224, False),
        (ResizeMode.LONGEST_SIDE, 224, 224, True),
        (ResizeMode.LONGEST_SIDE, 20, 28, True),
    ],
)
def test_crops_that_can_be_cut_or_padded(
    mode: ResizeMode, resize: Any, crop: Any, pads: bool
) -> None:
    assert changed(resize_mode=mode, resize_size=resize, crop_size=crop).can_pad is pads


def test_a_grey_network_has_one_channel() -> None:
    grey = changed(channels="grey", mean=[127.5], std=[127.5])

    assert grey.pixels_shape == (4, 4, 1)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"resize_size": 3}, "crop_size 4 is larger than resize_size 3"),
        (
            {"resize_mode": "squash", "crop_size": [4, 5]},
            "crop_size 4 x 5 (height x width) is larger than resize_size 4",
        ),
        ({"crop_size": 0}, "greater than 0"),
        ({"crop_size": [4]}, "valid dictionary or instance of Size"),
        ({"crop_size": True}, "valid dictionary or instance of Size"),
        ({"resize_size": -1}, "greater than 0"),
        ({"resize_size": 4097}, "less than or equal to 4096"),
        ({"resize_mode": "fit"}, "'shortest_side', 'squash' or 'longest_side'"),
        ({"interpolation": "area"}, "'nearest', 'box', 'bilinear', 'hamming', 'bicubic'"),
        (
            {"interpolation": "lanczos", "antialias": False},
            "interpolation lanczos is defined with antialias only; "
            "without it there are nearest, bilinear, bicubic",
        ),
        ({"mean": (0.0, 0.0)}, "mean has 2 numbers, channels rgb need 3"),
        ({"channels": "grey"}, "mean has 3 numbers, channels grey need 1"),
        ({"std": (1.0, 1.0, 1.0, 1.0)}, "std has 4 numbers, channels rgb need 3"),
        ({"std": (1.0, 0.0, 1.0)}, "greater than 0"),
        ({"mean": (1.0, float("nan"), 1.0)}, "finite number"),
        ({"pad_colour": (0, 0, 256)}, "less than or equal to 255"),
        ({"size": 4}, "Extra inputs are not permitted"),
    ],
)
def test_impossible_preprocessing_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(problem)):
        changed(**fields)


def test_it_says_in_one_line_what_it_is() -> None:
    shown = changed(resize_size=232, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))

    assert str(shown) == (
        "resize 232 (shortest_side), crop 4, bilinear, rgb, "
        "mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
    )


def test_what_is_unusual_is_said_too() -> None:
    shown = changed(
        resize_mode="longest_side",
        crop_size=[4, 6],
        pad_colour=(1, 2, 3),
        interpolation=Interpolation.BICUBIC,
        antialias=False,
        channels="grey",
        mean=[127.5],
        std=[127.5],
    )

    assert str(shown) == (
        "resize 4 (longest_side), crop 4 x 6 (height x width), padded with (1, 2, 3), "
        "bicubic without antialias, grey, mean 0.5, std 0.5"
    )
