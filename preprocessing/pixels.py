"""Pixels as arrays, and which of them a crop after a resize needs."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
"""RGB, ``[H, W, 3]``, or grey, ``[H, W, 1]``."""


class Picture(NamedTuple):
    """A model's pixels of a photograph, and the photograph's own size, upright."""

    pixels: Pixels
    width: int
    height: int


class Side(NamedTuple):
    """One side of a photograph that is resized and then cropped.

    Attributes:
        pixels: of the image along this side.
        start: where the photograph begins in it.
        length: of the photograph, in the image's pixels; with a fraction if it was decoded scaled.
        resized: pixels that it becomes.
        offset: number of these before the crop.
        size: number of these in the crop.
    """

    pixels: int
    start: float
    length: float
    resized: int
    offset: int
    size: int

    @property
    def edges(self) -> tuple[float, float]:
        """Of the crop, in the image's pixels."""
        scale = self.length / self.resized
        end = min((self.offset + self.size) * scale, self.length)
        return self.start + self.offset * scale, self.start + end

    def reached(self, support: float) -> tuple[int, int]:
        """First and last (exclusive) pixel of the image that a filter takes for the crop.

        Args:
            support: half the filter's width, in output pixels.
        """
        first, last = self.edges
        reach = support * max(1.0, self.length / self.resized) + 1
        return max(0, math.floor(first - reach)), min(self.pixels, math.ceil(last + reach))


def picture_of(pixels: Pixels) -> Image.Image:
    """A model's pixels as an image."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
