"""Preprocessing: how a photograph becomes a network's input, as its training did it.

A part of :class:`model_spec.ModelSpec`. The resize gives an image of some size; the centre crop
makes ``crop_size`` of it. Where the resized image has fewer pixels than the crop, it is centred
and padded.
"""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_SIDE = 4096
"""Pixels of a resize or a crop; networks that classify have a tenth of it."""

SidePixels = Annotated[int, Field(gt=0, le=MAX_SIDE)]
Byte = Annotated[int, Field(ge=0, le=255)]
Number = Annotated[float, Field(allow_inf_nan=False)]
PositiveNumber = Annotated[float, Field(gt=0, allow_inf_nan=False)]

WHITE = 255
"""Largest value of a pixel: mean and std are on the scale 0…255."""


class Frozen(BaseModel):
    """A record that is checked when it is made and never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Interpolation(StrEnum):
    """Resampling filters, named as torchvision and Pillow name them."""

    NEAREST = "nearest"
    BOX = "box"
    BILINEAR = "bilinear"
    HAMMING = "hamming"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


class ResizeMode(StrEnum):
    """Which size the resize gives.

    Attributes:
        SHORTEST_SIDE: in proportion, as small as possible while it covers ``resize_size``.
        SQUASH: exactly ``resize_size``, whatever the photograph's proportions.
        LONGEST_SIDE: in proportion, as large as possible within ``resize_size``.
    """

    SHORTEST_SIDE = "shortest_side"
    SQUASH = "squash"
    LONGEST_SIDE = "longest_side"


class Rounding(StrEnum):
    """Whose rounding of the resized size, of the crop's offset and between the resize's passes.

    Attributes:
        TORCHVISION: sizes truncated; half an offset is rounded to even.
        TIMM: sizes rounded (of ``ResizeKeepRatio``); half an offset is rounded to even.
        TRANSFORMERS: sizes and offsets truncated; the horizontal pass always comes first.
    """

    TORCHVISION = "torchvision"
    TIMM = "timm"
    TRANSFORMERS = "transformers"


class Channels(StrEnum):
    """Channels of the network's input, in their order."""

    RGB = "rgb"
    BGR = "bgr"
    GREY = "grey"

    @property
    def number(self) -> int:
        """How many there are."""
        return 1 if self is Channels.GREY else 3


class Size(Frozen):
    """Height and width in pixels; a number means a square."""

    height: SidePixels
    width: SidePixels

    @model_validator(mode="before")
    @classmethod
    def _from_number_or_pair(cls, given: Any) -> Any:
        if isinstance(given, int) and not isinstance(given, bool):
            return {"height": given, "width": given}
        if isinstance(given, list | tuple) and len(given) == len(cls.model_fields):
            return {"height": given[0], "width": given[1]}
        return given

    @classmethod
    def square(cls, side: int) -> Self:
        """As high as wide."""
        return cls(height=side, width=side)

    @property
    def longer_side(self) -> int:
        """The larger of height and width."""
        return max(self.height, self.width)

    def __str__(self) -> str:
        if self.height == self.width:
            return str(self.height)
        return f"{self.height} x {self.width} (height x width)"


class Preprocessing(Frozen):
    """How an RGB image becomes the network's input.

    Attributes:
        resize_mode: which size the resize gives.
        resize_size: of the resize, in pixels.
        crop_size: of the centre crop and of the network's input, in pixels.
        interpolation: filter of the resize.
        antialias: whether the filter widens as the image shrinks, as Pillow's do. If not, it has
            the fixed width of OpenCV's and of ``torch.nn.functional.interpolate``.
        rounding: whose rule rounds the resized size and the crop's offset.
        exact_pixels: whether Pillow itself resizes, for training's pixels. If not, a library that
            takes less than half of the time does where it comes near: up to 4 values in 1,000
            differ, nearly all by one.
        channels: of the network's input, in their order.
        pad_colour: R, G, B around a resized image that is smaller than the crop.
        mean: of each channel, on the scale 0…255; subtracted inside the graph.
        std: of each channel, on the scale 0…255; divided by inside the graph.
        source: where it is known from; answers do not depend on it.
    """

    resize_mode: ResizeMode = ResizeMode.SHORTEST_SIDE
    resize_size: Size
    crop_size: Size
    interpolation: Interpolation
    antialias: bool = True
    rounding: Rounding = Rounding.TORCHVISION
    exact_pixels: bool = False
    channels: Channels = Channels.RGB
    pad_colour: tuple[Byte, Byte, Byte] = (0, 0, 0)
    mean: tuple[Number, ...]
    std: tuple[PositiveNumber, ...]
    source: str

    @model_validator(mode="after")
    def _crop_fits_in_resize(self) -> Self:
        over = self._crop_exceeds
        # In proportion, one side may turn out longer than asked for: that side can be cropped.
        refused = {ResizeMode.SHORTEST_SIDE: all(over), ResizeMode.SQUASH: any(over)}
        if refused.get(self.resize_mode, False):
            raise ValueError(
                f"crop_size {self.crop_size} is larger than resize_size {self.resize_size}"
            )
        return self

    @model_validator(mode="after")
    def _one_number_for_each_channel(self) -> Self:
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) != self.channels.number:
                raise ValueError(
                    f"{name} has {len(numbers)} numbers, channels {self.channels.value} "
                    f"need {self.channels.number}"
                )
        return self

    @model_validator(mode="after")
    def _filter_is_defined(self) -> Self:
        fixed = (Interpolation.NEAREST, Interpolation.BILINEAR, Interpolation.BICUBIC)
        if not self.antialias and self.interpolation not in fixed:
            raise ValueError(
                f"interpolation {self.interpolation.value} is defined with antialias only; "
                f"without it there are {', '.join(fixed)}"
            )
        return self

    @property
    def pixels_shape(self) -> tuple[int, int, int]:
        """Shape of what ``transform`` gives: height, width, channels."""
        return (self.crop_size.height, self.crop_size.width, self.channels.number)

    def __str__(self) -> str:
        """In one line, mean and std on the scale 0…1; without the source."""
        antialias = "" if self.antialias else " without antialias"
        by = " by Pillow" if self.exact_pixels else ""
        padding = f", padded with {self.pad_colour}" if self.can_pad else ""
        return (
            f"resize {self.resize_size} ({self.resize_mode.value}), crop {self.crop_size}"
            f"{padding}, {self.interpolation.value}{by}{antialias}, {self.channels.value}, "
            f"mean {_of_white(self.mean)}, std {_of_white(self.std)}"
        )

    @property
    def can_pad(self) -> bool:
        """Whether some photographs are padded."""
        return self.resize_mode is ResizeMode.LONGEST_SIDE or any(self._crop_exceeds)

    @property
    def _crop_exceeds(self) -> tuple[bool, bool]:
        """Whether the crop is larger than the resize: in height, in width."""
        crop, resize = self.crop_size, self.resize_size
        return crop.height > resize.height, crop.width > resize.width


def _of_white(numbers: tuple[float, ...]) -> str:
    """Numbers on the scale 0…1, with the digits that a reader knows them by."""
    digits = 4
    shown = [f"{number / WHITE:.{digits}g}" for number in numbers]
    return " ".join(shown) if len(set(shown)) > 1 else shown[0]
