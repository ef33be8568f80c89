"""Resize and crop with SIMD instructions, in less than half of Pillow's time.

cykooz_resizer has Pillow's filters, and its edges in 64-bit floats, but weights of 16 bits instead
of 22: three values in a thousand, near a rounding edge, come out one higher or lower. PyTorch's
kernels for bytes, which transformers uses, have 16 bits, too.
"""

from math import gcd
from typing import Any

import numpy as np
from PIL import Image

from model_spec import Interpolation
from preprocessing.pixels import Pixels, Side

try:
    import cykooz_resizer as library
except ImportError:  # there is no wheel for this machine
    library = None

_CHANNELS = 3

_STRIP_BYTES = 512 * 1024
"""Size of a strip of the source. Copying a strip holds Python's lock, so it must be short, and a
strip stays in the processor's cache."""

_MOST_TIES = 0.0075
"""Share of values exactly between two integers; with more, the mean difference from Pillow's
pixels passes 0.01."""

# Half the width of a filter, in output pixels, and its name in the library.
_FILTERS = {
    Interpolation.BILINEAR: (1.0, "bilinear"),
    Interpolation.BICUBIC: (2.0, "catmull_rom"),
    Interpolation.LANCZOS: (3.0, "lanczos3"),
}

_OF_TORCH = (Interpolation.BILINEAR, Interpolation.BICUBIC)
"""``aten/src/ATen/native/cpu/UpSampleKernelAVXAntialias.h``."""


def gives_pillows_pixels(across: Side, down: Side, interpolation: Interpolation) -> bool:
    """Whether ``resize`` can be used, and differs from Pillow by a mean of at most 0.01 of 255."""
    if library is None or interpolation not in _FILTERS:
        return False
    if interpolation is Interpolation.LANCZOS:
        return all(side.resized < side.length for side in (across, down))
    # The other filters' weights have larger denominators, and hardly any ties.
    return interpolation is not Interpolation.BILINEAR or _ties(across) + _ties(down) <= _MOST_TIES


def gives_torchs_pixels(interpolation: Interpolation) -> bool:
    """Whether ``resize`` can be used, and is equal to ``torch.nn.functional.interpolate`` of bytes.

    Where it enlarges, a few in a thousand differ: the largest weight, by which PyTorch chooses the
    scale of all, may lie outside the crop.
    """
    return library is not None and interpolation in _OF_TORCH


def resize(
    image: Image.Image | Pixels, across: Side, down: Side, interpolation: Interpolation
) -> Pixels:
    """Resize and crop: the horizontal pass, then the vertical one of what it gave.

    The interpolation is one of ``gives_pillows_pixels``.
    """
    support, name = _FILTERS[interpolation]
    algorithm = library.ResizeAlg.convolution(library.FilterType[name])
    first_row, last_row = down.reached(support)
    rows = range(first_row, last_row)
    narrow = _across(image, across, across.reached(support), rows, algorithm)
    top, bottom = down.edges
    box = library.CropBox(0, top - first_row, across.size, bottom - top)
    pixels = _pass(narrow, (across.size, down.size), algorithm, box).get_buffer()
    return np.frombuffer(pixels, np.uint8).reshape(down.size, across.size, _CHANNELS)


def _across(
    image: Image.Image | Pixels,
    side: Side,
    columns: tuple[int, int],
    rows: range,
    algorithm: Any,
) -> Any:
    """The horizontal pass, of some rows and columns, strip by strip."""
    first, last = columns
    left, right = side.edges
    height = max(1, _STRIP_BYTES // ((last - first) * _CHANNELS))
    strips = []
    for strip in (rows[at : at + height] for at in range(0, len(rows), height)):
        source = _source(image, first, strip.start, last, strip.stop)
        box = library.CropBox(left - first, 0, right - left, len(strip))
        strips.append(_pass(source, (side.size, len(strip)), algorithm, box))
    if len(strips) == 1:
        return strips[0]
    joined = b"".join(each.get_buffer() for each in strips)
    return library.ImageData(side.size, len(rows), library.PixelType.U8x3, joined)


def _ties(side: Side) -> float:
    """About the share of a bilinear pass's values that are exactly between two integers.

    When it shrinks, values are multiples of one over the sum of the filter's integer weights, which
    is twice the scale's numerator times the scale. When it enlarges, ties are too many.
    """
    numerator, denominator = side.length.as_integer_ratio()
    common = gcd(numerator, denominator * side.resized)
    before, after = numerator // common, denominator * side.resized // common
    return after / (2 * before**2) if before > after else 1


def _source(image: Image.Image | Pixels, left: int, top: int, right: int, bottom: int) -> Any:
    if isinstance(image, np.ndarray):
        rows = image.reshape(len(image), -1)[top:bottom, _CHANNELS * left : _CHANNELS * right]
        # Row by row. An array's own tobytes() goes byte by byte before numpy 2.4: 2 ms an image.
        pixels = rows.data.tobytes()
    else:
        pixels = image.crop((left, top, right, bottom)).tobytes()
    return library.ImageData(right - left, bottom - top, library.PixelType.U8x3, pixels)


def _pass(source: Any, size: tuple[int, int], algorithm: Any, box: Any) -> Any:
    target = library.ImageData(*size, library.PixelType.U8x3)
    options = library.ResizeOptions(algorithm, crop_box=box)
    # One for each call: a shared one would have threads wait for each other.
    library.Resizer().resize(source, target, options)
    return target
