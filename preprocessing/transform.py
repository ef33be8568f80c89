"""RGB image → uint8 pixels: resize and centre crop in one resample.

torchvision resizes the whole image and then cuts the centre out of the result.
Only the pixels of the crop are computed here: the crop's corners are mapped back
into the source image and that box is resampled. Same filter, same positions, the same
pixels but for rounding (Pillow keeps the box in 32-bit floats: a mean difference below
0.04 of 255, single values up to 2), about a quarter less work, and no blow-up for long
narrow images.
"""

import math

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


def transform(image: Image.Image, preprocessing: Preprocessing, box: Box | None = None) -> Pixels:
    """Resize the shorter side to ``resize_size``, then cut ``crop_size`` from the centre.

    Args:
        image: RGB.
        preprocessing: of the model.
        box: what of the image is the photograph; all of it by default.

    Returns:
        uint8 ``[crop_size, crop_size, 3]``.
    """
    crop = preprocessing.crop_size
    resized = image.resize(
        (crop, crop),
        _FILTERS[preprocessing.interpolation],
        box=crop_box(box or Box(0, 0, *image.size), preprocessing),
    )
    return np.asarray(resized)


def crop_box(box: Box, preprocessing: Preprocessing) -> Box:
    """The centre crop of a photograph that fills a box."""
    resize, crop = preprocessing.resize_size, preprocessing.crop_size
    width, height = box.right - box.left, box.bottom - box.top
    resized_width, resized_height = _resized_size(width, height, resize)
    # torchvision.transforms.functional.center_crop rounds the offset half to even.
    left = round((resized_width - crop) / 2.0)
    top = round((resized_height - crop) / 2.0)
    scale_x, scale_y = width / resized_width, height / resized_height
    return Box(
        box.left + left * scale_x,
        box.top + top * scale_y,
        min(box.left + (left + crop) * scale_x, box.right),
        min(box.top + (top + crop) * scale_y, box.bottom),
    )


def _resized_size(width: float, height: float, shorter: int) -> tuple[int, int]:
    """Size after ``torchvision.transforms.Resize(shorter)``: the longer side is truncated.

    Both sides divided by the same power of two give the same size, to the last bit.
    """
    if width <= height:
        return shorter, int(shorter * height / width)
    return int(shorter * width / height), shorter
