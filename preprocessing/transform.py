"""RGB image → uint8 pixels: resize and centre crop, with torchvision's pixels.

torchvision resizes the whole image and then cuts the centre out of the result.
Only the crop is computed here: its edges are mapped back into the source image and that box
is resampled. That is a quarter less work, and long narrow images cannot blow up.
Two things keep the pixels equal to those of a whole resize:

- Pillow resamples in two passes and rounds after each, so their order shows. Since Pillow 13
  the order depends on the sizes, and those of the crop can ask for the other one.
- Pillow keeps the box in 32-bit floats. Where few pixels more than the crop have edges that
  such a float holds exactly, these are computed and cut off.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from model_spec import Interpolation, Preprocessing
from preprocessing.orientation import Box

Pixels = npt.NDArray[np.uint8]

_FILTERS = {
    Interpolation.NEAREST: Image.Resampling.NEAREST,
    Interpolation.BILINEAR: Image.Resampling.BILINEAR,
    Interpolation.BICUBIC: Image.Resampling.BICUBIC,
    Interpolation.LANCZOS: Image.Resampling.LANCZOS,
}

# In output pixels: the support of the widest filter, Lanczos.
_SUPPORT = 3

# How much wider than the crop what is computed may be, so that its edges are exact.
_WIDEST = 1.15

# With 2, many 24-megapixel photographs are decoded at 1/8, and 1.5 % got another class; with 4,
# decoding 12 megapixels cost half as much again (benchmarks/decoding.md).
_OVERSAMPLING = 2.5


def least_side(preprocessing: Preprocessing) -> int | None:
    """Pixels to which the shorter side of a photograph may be scaled before ``transform``.

    None where it may not be scaled at all: nearest takes single pixels, not means.
    """
    if preprocessing.interpolation is Interpolation.NEAREST:
        return None
    return math.ceil(_OVERSAMPLING * preprocessing.resize_size)


class _Side(NamedTuple):
    """What is resampled along one side of an image.

    Attributes:
        start, end: edges in the image, in its pixels.
        size: pixels that it becomes.
        skip: of these, how many lie before the crop.
    """

    start: float
    end: float
    size: int
    skip: int


def transform(image: Image.Image, preprocessing: Preprocessing, box: Box | None = None) -> Pixels:
    """Resize the shorter side to ``resize_size``, then cut ``crop_size`` from the centre.

    Args:
        image: RGB.
        preprocessing: of the model.
        box: what of the image is the photograph; all of it by default.

    Returns:
        uint8 ``[crop_size, crop_size, 3]``.
    """
    box = box or Box(0, 0, *image.size)
    crop, method = preprocessing.crop_size, _FILTERS[preprocessing.interpolation]
    size = box.right - box.left, box.bottom - box.top
    resized = _resized_size(*size, preprocessing.resize_size)
    across = _side(box.left, size[0], resized[0], crop)
    down = _side(box.top, size[1], resized[1], crop)
    if _down_first(image.size, (across.size, down.size)) and not _down_first(size, resized):
        image, down = _resize_across(image, across, down, method)
        across = _Side(0, across.size, across.size, across.skip)
    cropped = image.resize(
        (across.size, down.size), method, box=(across.start, down.start, across.end, down.end)
    )
    pixels = np.asarray(cropped)
    return np.ascontiguousarray(
        pixels[down.skip : down.skip + crop, across.skip : across.skip + crop]
    )


def _side(start: float, length: float, resized: int, crop: int) -> _Side:
    """The centre crop, and around it what makes its edges exact if that is little.

    ``length`` may have a fraction, as the box of a photograph that was decoded scaled.
    """
    # torchvision.transforms.functional.center_crop rounds the offset half to even.
    offset = round((resized - crop) / 2.0)
    step = _exact_step(length, resized)
    first, last = offset // step * step, -(-(offset + crop) // step) * step
    if last - first > _WIDEST * crop:
        first, last = offset, offset + crop
    scale = length / resized
    end = start + min(last * scale, length)
    return _Side(start + first * scale, end, last - first, offset - first)


def _exact_step(length: float, resized: int) -> int:
    """Every so many output pixels an edge is a whole source pixel, or a half, a quarter, ..."""
    numerator, _ = float(length).as_integer_ratio()  # over a power of two
    step = resized // math.gcd(resized, numerator)
    return step // (step & -step)


def _down_first(size: tuple[float, float], resized: tuple[int, int]) -> bool:
    """Whether Pillow takes the vertical pass first (13.0, ``ImagingResampleInner``).

    Earlier versions never do.
    """
    less_wide, less_high = size[0] - resized[0], size[1] - resized[1]
    return less_high > 0 and less_high > 2 * less_wide


def _resize_across(
    image: Image.Image, across: _Side, down: _Side, method: Image.Resampling
) -> tuple[Image.Image, _Side]:
    """The horizontal pass alone, of the rows that the vertical one needs; where these are now."""
    reach = _SUPPORT * max(1.0, (down.end - down.start) / down.size) + 1
    top = max(0, math.floor(down.start - reach))
    bottom = min(image.height, math.ceil(down.end + reach))
    rows = image.crop((0, top, image.width, bottom))
    resized = rows.resize(
        (across.size, rows.height), method, box=(across.start, 0, across.end, rows.height)
    )
    return resized, down._replace(start=down.start - top, end=down.end - top)


def _resized_size(width: float, height: float, shorter: int) -> tuple[int, int]:
    """Size after ``torchvision.transforms.Resize(shorter)``: the longer side is truncated.

    Both sides divided by the same power of two give the same size, to the last bit.
    """
    if width <= height:
        return shorter, int(shorter * height / width)
    return int(shorter * width / height), shorter
