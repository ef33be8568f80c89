"""RGB image → uint8 pixels: resize and centre crop, with torchvision's pixels.

torchvision resizes the whole image with Pillow and then cuts the centre out of the result.
Only the crop is computed here: its edges are mapped back into the source image and that box
is resampled. That is a quarter less work, and long narrow images cannot blow up.
Two things keep the pixels equal to those of a whole resize:

- Pillow resamples in two passes and rounds after each, so their order shows. Since Pillow 13
  the order depends on the sizes, and those of the crop can ask for the other one.
- Pillow keeps the box in 32-bit floats. Where few pixels more than the crop have edges that
  such a float holds exactly, these are computed and cut off.

Where :mod:`preprocessing.simd` gives the same pixels, it takes Pillow's place.
"""

import math

import numpy as np
from PIL import Image

from model_spec import Interpolation, Preprocessing
from preprocessing import simd
from preprocessing.orientation import Box
from preprocessing.pixels import Pixels, Side

_FILTERS = {
    Interpolation.NEAREST: Image.Resampling.NEAREST,
    Interpolation.BILINEAR: Image.Resampling.BILINEAR,
    Interpolation.BICUBIC: Image.Resampling.BICUBIC,
    Interpolation.LANCZOS: Image.Resampling.LANCZOS,
}

# In output pixels: the support of the widest filter, Lanczos.
_SUPPORT = 3

# How much wider than the crop what is computed may be, so that its edges are exact.
_WIDEST = 1.3

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


def transform(
    image: Image.Image | Pixels, preprocessing: Preprocessing, box: Box | None = None
) -> Pixels:
    """Resize the shorter side to ``resize_size``, then cut ``crop_size`` from the centre.

    Args:
        image: RGB, or uint8 ``[H, W, 3]``.
        preprocessing: of the model.
        box: what of the image is the photograph; all of it by default.

    Returns:
        uint8 ``[crop_size, crop_size, 3]``.
    """
    width, height = image.shape[1::-1] if isinstance(image, np.ndarray) else image.size
    across, down = _sides(width, height, box or Box(0, 0, width, height), preprocessing)
    down_first = _down_first((across.length, down.length), (across.resized, down.resized))
    if not down_first and simd.gives_pillows_pixels(across, down, preprocessing.interpolation):
        return simd.resize(image, across, down, preprocessing.interpolation)
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    return _resize(image, across, down, _FILTERS[preprocessing.interpolation], down_first)


def _sides(width: int, height: int, box: Box, preprocessing: Preprocessing) -> tuple[Side, Side]:
    """Width and height of an image, and what the crop needs of them."""
    crop = preprocessing.crop_size
    size = float(box.right - box.left), float(box.bottom - box.top)
    resized = _resized_size(*size, preprocessing.resize_size)
    # torchvision.transforms.functional.center_crop rounds the offset half to even.
    offsets = [round((side - crop) / 2.0) for side in resized]
    return (
        Side(width, box.left, size[0], resized[0], offsets[0], crop),
        Side(height, box.top, size[1], resized[1], offsets[1], crop),
    )


def _resize(
    image: Image.Image, across: Side, down: Side, method: Image.Resampling, down_first: bool
) -> Pixels:
    """Resize and crop with Pillow, the vertical pass first if asked for."""
    wider, higher = _widened(across), _widened(down)
    size = wider.size, higher.size
    (left, right), (top, bottom) = wider.edges, higher.edges
    if not down_first and _down_first(image.size, size):
        first, last = higher.reached(_SUPPORT)
        rows = image.crop((0, first, image.width, last))
        image = rows.resize((size[0], rows.height), method, box=(left, 0, right, rows.height))
        left, right, top, bottom = 0, size[0], top - first, bottom - first
    pixels = np.asarray(image.resize(size, method, box=(left, top, right, bottom)))
    x, y = across.offset - wider.offset, down.offset - higher.offset
    return np.ascontiguousarray(pixels[y : y + down.size, x : x + across.size])


def _widened(side: Side) -> Side:
    """The crop, and around it what makes its edges exact if that is little."""
    step = _exact_step(side.length, side.resized)
    first = side.offset // step * step
    size = -(-(side.offset + side.size) // step) * step - first
    return side._replace(offset=first, size=size) if size <= _WIDEST * side.size else side


def _exact_step(length: float, resized: int) -> int:
    """Every so many output pixels an edge is a whole source pixel, or a half, a quarter, ..."""
    numerator, _ = length.as_integer_ratio()  # over a power of two
    step = resized // math.gcd(resized, numerator)
    return step // (step & -step)


def _down_first(size: tuple[float, float], resized: tuple[int, int]) -> bool:
    """Whether Pillow takes the vertical pass first (13.0, ``ImagingResampleInner``).

    Earlier versions never do.
    """
    less_wide, less_high = size[0] - resized[0], size[1] - resized[1]
    return less_high > 0 and less_high > 2 * less_wide


def _resized_size(width: float, height: float, shorter: int) -> tuple[int, int]:
    """Size after ``torchvision.transforms.Resize(shorter)``: the longer side is truncated.

    Both sides divided by the same power of two give the same size, to the last bit.
    """
    if width <= height:
        return shorter, int(shorter * height / width)
    return int(shorter * width / height), shorter
