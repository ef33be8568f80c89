"""The user's own preprocessing, in place of that of the network's source.

A JSON file may have any field of :class:`Overrides`. The command line has options for some of them,
which count before the file.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, model_validator

from conversion.errors import ConversionError, checked, given_file
from preprocessing_spec import (
    WHITE,
    Byte,
    Channels,
    Frozen,
    Interpolation,
    Number,
    PositiveNumber,
    Preprocessing,
    ResizeMode,
    Rounding,
    Size,
)

_LARGEST_OF_SCALE_1 = 1.0
"""Largest mean and deviation where white is 1, that is of pixels between 0 and 1."""

_COMMAND_LINE = "command line"


class Overrides(Frozen):
    """Fields of :class:`Preprocessing`, each None where the source is right, and two more.

    Attributes:
        crop_fraction: the crop's share of the resized side; timm's ``crop_pct``.
        scale: value of white on the scale of mean and std: 1 after ``ToTensor``, 255 for bytes.
    """

    resize_mode: ResizeMode | None = None
    resize_size: Size | None = None
    crop_size: Size | None = None
    crop_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    interpolation: Interpolation | None = None
    antialias: bool | None = None
    rounding: Rounding | None = None
    exact_pixels: bool | None = None
    channels: Channels | None = None
    pad_colour: tuple[Byte, Byte, Byte] | None = None
    mean: tuple[Number, ...] | None = None
    std: tuple[PositiveNumber, ...] | None = None
    scale: PositiveNumber = 1.0

    @model_validator(mode="before")
    @classmethod
    def _two_sides_are_squashed(cls, given: Any) -> Any:
        """``Resize((h, w))`` of torchvision is exact, ``Resize(s)`` is the shorter side."""
        if isinstance(given, dict):
            size = given.get("resize_size")
            if isinstance(size, list | dict) and given.get("resize_mode") is None:
                return given | {"resize_mode": ResizeMode.SQUASH}
        return given

    @model_validator(mode="before")
    @classmethod
    def _one_number_stands_for_all_channels(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        numbers = {name: given[name] for name in ("mean", "std") if name in given}
        single = {name: [each] for name, each in numbers.items() if isinstance(each, int | float)}
        return given | single

    @model_validator(mode="after")
    def _is_on_its_scale(self) -> Self:
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            over = [each for each in numbers or () if abs(each) > _LARGEST_OF_SCALE_1]
            if over and self.scale == _LARGEST_OF_SCALE_1:
                raise ValueError(
                    f"{name} {over[0]:g} is not of pixels between 0 and 1; if white is {WHITE}, "
                    f"say so: --scale {WHITE}, or scale in the file"
                )
        if self.crop_fraction is not None and self.resize_size is not None:
            raise ValueError("give resize_size or crop_fraction, not both")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the fields that the user gave."""
        names = self.model_fields_set - {"scale"}
        return tuple(sorted(name for name in names if getattr(self, name) is not None))


class Given(NamedTuple):
    """The fields that the user gave, and where they are from."""

    overrides: Overrides
    where: str

    def applied_to(self, preprocessing: Preprocessing) -> Preprocessing:
        """The source's preprocessing with the user's fields.

        Raises:
            ConversionError: they do not fit together.
        """
        given = self.overrides
        fields = preprocessing.model_dump() | given.model_dump(
            exclude_none=True, exclude={"scale", "crop_fraction"}
        )
        channels = Channels(fields["channels"])
        for name, numbers in (("mean", given.mean), ("std", given.std)):
            if numbers is not None:
                every = numbers * channels.number if len(numbers) == 1 else numbers
                fields[name] = [each * WHITE / given.scale for each in every]
        if given.crop_fraction is not None:
            # timm.data.transforms_factory.transforms_imagenet_eval rounds down.
            sides = (fields["crop_size"][side] for side in ("height", "width"))
            fields["resize_size"] = [math.floor(side / given.crop_fraction) for side in sides]
        fields["source"] = f"{', '.join(given.given)}: {self.where}; else {preprocessing.source}"
        return checked(Preprocessing, fields, self.where)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add options for fields of :class:`Overrides`, and one for a file of them."""
    group = parser.add_argument_group(
        "preprocessing", "as in your training, where it differs from what the source says"
    )
    group.add_argument(
        "--preprocessing",
        metavar="FILE.json",
        type=Path,
        help="any field that docs/preprocessing.md lists; the options below count before the file",
    )
    group.add_argument(
        "--resize",
        dest="resize_size",
        metavar="SIDE|HEIGHTxWIDTH",
        type=_size,
        help="of the resize, in pixels",
    )
    group.add_argument(
        "--crop",
        dest="crop_size",
        metavar="SIDE|HEIGHTxWIDTH",
        type=_size,
        help="of the centre crop and the network's input, in pixels",
    )
    group.add_argument(
        "--resize-mode",
        choices=[each.value for each in ResizeMode],
        help="squash where training said Resize((height, width)), which HEIGHTxWIDTH means, too",
    )
    group.add_argument("--interpolation", choices=[each.value for each in Interpolation])
    group.add_argument("--mean", metavar="NUMBER", type=float, nargs="+", help="of each channel")
    group.add_argument("--std", metavar="NUMBER", type=float, nargs="+", help="of each channel")
    group.add_argument(
        "--scale",
        metavar="WHITE",
        type=float,
        help=f"value of white on the scale of mean and std, 1 (default) or {WHITE}",
    )


def _size(text: str) -> int | list[int]:
    sides = text.lower().split("x")
    if len(sides) > len(Size.model_fields) or not all(side.isdecimal() for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is no size, such as 224 or 240x320")
    numbers = [int(side) for side in sides]
    return numbers if len(numbers) > 1 else numbers[0]


def from_options(parsed: argparse.Namespace) -> Given | None:
    """What the user gave, if anything.

    Raises:
        ConversionError: the file cannot be read, or a field is none.
    """
    options = {name: getattr(parsed, name, None) for name in Overrides.model_fields}
    given = {name: value for name, value in options.items() if value is not None}
    path: Path | None = parsed.preprocessing
    fields = {**(_read(path) if path else {}), **given}
    if not fields:
        return None
    places = ([path.name] if path else []) + ([_COMMAND_LINE] if given else [])
    where = " and ".join(places)
    return Given(checked(Overrides, fields, where), where)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(given_file(path, "--preprocessing").decode("utf-8-sig"))
    except ValueError as error:
        raise ConversionError(f"--preprocessing: cannot read {path.name}: {error}") from error
    if not isinstance(content, dict):
        raise ConversionError(
            f'{path.name} must hold a JSON object, such as {{"resize_size": 256}}'
        )
    return content
