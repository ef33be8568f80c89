import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from conversion.preprocessing.overrides import add_options, from_options
from harness.images import preprocessing
from model_spec import Channels, Interpolation, Preprocessing, ResizeMode, Rounding, Size
from tests.support.refusals import refusal

TRAINED = Preprocessing.model_validate(
    preprocessing(256, 224).model_dump() | {"source": "torchvision", "rounding": "timm"}
)


def given(arguments: str, path: Path | None = None, **fields: Any) -> Preprocessing:
    parser = argparse.ArgumentParser()
    add_options(parser)
    words = arguments.split()
    if path:
        path.write_text(json.dumps(fields))
        words += ["--preprocessing", str(path)]
    found = from_options(parser.parse_args(words))
    return found.applied_to(TRAINED) if found else TRAINED


def test_nothing_is_given() -> None:
    assert given("") is TRAINED


def test_what_is_not_given_is_the_sources() -> None:
    found = given("--resize 288 --interpolation bicubic")

    assert found == TRAINED.model_copy(
        update={
            "resize_size": Size.square(288),
            "interpolation": Interpolation.BICUBIC,
            "source": "interpolation, resize_size: command line; else torchvision",
        }
    )


@pytest.mark.parametrize(
    ("arguments", "mode", "size"),
    [
        ("--resize 224", ResizeMode.SHORTEST_SIDE, Size.square(224)),
        ("--resize 224x224", ResizeMode.SQUASH, Size.square(224)),
        ("--resize 240x320", ResizeMode.SQUASH, Size(height=240, width=320)),
        ("--resize 224 --resize-mode squash", ResizeMode.SQUASH, Size.square(224)),
        (
            "--resize 240X320 --resize-mode longest_side",
            ResizeMode.LONGEST_SIDE,
            Size(height=240, width=320),
        ),
    ],
)
def test_two_sides_are_exact_as_in_torchvision(
    arguments: str, mode: ResizeMode, size: Size
) -> None:
    found = given(arguments)

    assert (found.resize_mode, found.resize_size) == (mode, size)


@pytest.mark.parametrize(
    ("arguments", "mean", "std"),
    [
        ("--mean 0.5 --std 0.25", (127.5,) * 3, (63.75,) * 3),
        ("--mean 0 0.2 1 --std 1", (0.0, 51.0, 255.0), (255.0,) * 3),
        ("--mean 103 117 124 --std 1 --scale 255", (103.0, 117.0, 124.0), (1.0,) * 3),
        ("--mean 0 --std 1 --scale 255", (0.0,) * 3, (1.0,) * 3),
    ],
)
def test_mean_and_deviation_of_any_scale(
    arguments: str, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    found = given(arguments)

    assert found.mean == pytest.approx(mean)
    assert found.std == pytest.approx(std)


def test_a_file_says_what_no_option_can(tmp_path: Path) -> None:
    found = given(
        "",
        tmp_path / "mine.json",
        channels="grey",
        mean=0.5,
        std=[0.5],
        antialias=False,
        rounding="transformers",
        pad_colour=[1, 2, 3],
        crop_size=[28, 32],
        crop_fraction=0.875,
    )

    assert found.channels is Channels.GREY
    assert found.pixels_shape == (28, 32, 1)
    assert found.resize_size == Size(height=32, width=36)
    assert (found.mean, found.std) == ((127.5,), (127.5,))
    assert (found.antialias, found.rounding) == (False, Rounding.TRANSFORMERS)
    assert found.pad_colour == (1, 2, 3)
    assert found.source == (
        "antialias, channels, crop_fraction, crop_size, mean, pad_colour, rounding, std: "
        "mine.json; else torchvision"
    )


def test_options_come_before_the_file(tmp_path: Path) -> None:
    found = given("--crop 200", tmp_path / "mine.json", crop_size=100, resize_size=300)

    assert (found.resize_size, found.crop_size) == (Size.square(300), Size.square(200))
    assert found.source.startswith("crop_size, resize_size: mine.json and command line; ")


@pytest.mark.parametrize(
    ("arguments", "fields", "problem"),
    [
        ("--crop 288", {}, "command line: crop_size 288 is larger than resize_size 256"),
        ("--mean 0.5 0.5", {}, "command line: mean has 2 numbers, channels rgb need 3"),
        ("--std 0", {}, "command line: std.0: Input should be greater than 0"),
        (
            "--mean 123.675 116.28 103.53",
            {},
            "command line: mean 123.675 is not of pixels between 0 and 1; if white is 255, "
            "say so: --scale 255, or scale in the file",
        ),
        ("--resize 0", {}, "command line: resize_size.height: Input should be greater than 0"),
        ("", {"image_mean": [0.5]}, "mine.json: no field image_mean; there are resize_mode, "),
        (
            "",
            {"resize_size": 256, "crop_fraction": 1},
            "mine.json: give resize_size or crop_fraction, not both",
        ),
        ("", {"interpolation": "cubic"}, "mine.json: interpolation: Input should be 'nearest'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    arguments: str, fields: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.json" if fields else None
    assert refusal(given, arguments, path, **fields).startswith(problem)


@pytest.mark.parametrize("text", ["224x", "10x20x30", "large", "-1"])
def test_what_is_no_size_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        given(f"--resize={text}")
    assert f"argument --resize: {text!r} is no size, such as 224 or 240x320" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "--preprocessing: cannot read mine.json: Expecting"),
        (b"\xff", "--preprocessing: cannot read mine.json: 'utf-8' codec"),
        (b"[]", "mine.json must hold a JSON object"),
        (None, "--preprocessing names the file "),
    ],
)
def test_a_file_that_is_none_is_refused(
    content: bytes | None, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.json"
    if content is not None:
        path.write_bytes(content)
    assert refusal(given, f"--preprocessing {path}").startswith(problem)
