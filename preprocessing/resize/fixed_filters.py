"""Resize and crop with filters whose width does not grow as the image shrinks.

Without antialias, coordinates and weights are those of ``torch.nn.functional.interpolate``
(``align_corners=False``) and of OpenCV: the centres of the pixels are aligned, but nearest takes
the pixel at ``position x scale``; bicubic has a = -0.75. Sums are in 64-bit floats and rounded
once.

Nearest with antialias is Pillow's: it takes the pixel under the centre. Here it is exact for a
crop, too: Pillow adds the scale up from a box's edge, and rounds otherwise.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from model_spec import Interpolation
from preprocessing.pixels import Pixels, Side

_A = -0.75
"""Of the cubic: ``aten/src/ATen/native/UpSample.h``, and OpenCV's ``INTER_CUBIC``."""


class _Taps(NamedTuple):
    """Which pixels of a side make each pixel of the result, and how much: ``[taps, size]``."""

    indices: npt.NDArray[np.intp]
    weights: npt.NDArray[np.float64]


def resize(
    image: Pixels, across: Side, down: Side, interpolation: Interpolation, *, antialias: bool
) -> Pixels:
    """Resize and crop an image that is all photograph.

    Args:
        interpolation: nearest, or, without antialias, bilinear or bicubic.
        antialias: whether nearest is Pillow's.
    """
    if interpolation is Interpolation.NEAREST:
        nearest = _under_centres if antialias else _at_positions
        return image[nearest(down)[:, None], nearest(across)]
    columns, rows = _taps(across, interpolation), _taps(down, interpolation)
    total = np.zeros((down.size, across.size, image.shape[2]))
    for row, row_weights in zip(*rows, strict=True):
        for column, column_weights in zip(*columns, strict=True):
            weights = row_weights[:, None] * column_weights
            total += weights[..., None] * image[row[:, None], column]
    return np.rint(total).clip(0, np.iinfo(np.uint8).max).astype(np.uint8)


def _at_positions(side: Side) -> npt.NDArray[np.intp]:
    """Nearest's pixels as PyTorch has them (``nearest_idx``): in 32-bit floats."""
    scale = np.float32(side.pixels) / np.float32(side.resized)
    pixels: npt.NDArray[np.intp] = np.floor(_positions(side).astype(np.float32) * scale).astype(
        np.intp
    )
    return pixels.clip(max=side.pixels - 1)


def _under_centres(side: Side) -> npt.NDArray[np.intp]:
    """Nearest's pixels as Pillow has them (``ImagingScaleAffine``): by a sum."""
    scale = side.pixels / side.resized
    steps = np.full(side.offset + side.size, scale)
    steps[0] = scale * 0.5
    return np.cumsum(steps)[side.offset :].astype(np.intp).clip(max=side.pixels - 1)


def _positions(side: Side) -> npt.NDArray[np.intp]:
    return np.arange(side.offset, side.offset + side.size)


def _taps(side: Side, interpolation: Interpolation) -> _Taps:
    positions = _positions(side)
    centres = (positions + 0.5) * (side.pixels / side.resized) - 0.5
    if interpolation is Interpolation.BILINEAR:
        centres = centres.clip(0)
    first = np.floor(centres)
    weights = _WEIGHTS[interpolation](centres - first)
    # The pixel at the centre, or left of it, has half of the taps before it, less one.
    before = len(weights) // 2 - 1
    indices = first.astype(np.intp) + np.arange(len(weights))[:, None] - before
    return _Taps(indices.clip(0, side.pixels - 1), weights)


def _linear(fraction: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.stack([1 - fraction, fraction])


def _cubic(fraction: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Keys, Cubic Convolution Interpolation for Digital Image Processing (1981), equation 4."""
    near = np.stack([fraction, 1 - fraction])
    far = near + 1
    inner = ((_A + 2) * near - (_A + 3)) * near * near + 1
    outer = ((_A * far - 5 * _A) * far + 8 * _A) * far - 4 * _A
    return np.stack([outer[0], inner[0], inner[1], outer[1]])


_WEIGHTS = {Interpolation.BILINEAR: _linear, Interpolation.BICUBIC: _cubic}
