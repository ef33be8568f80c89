"""RGB image → uint8 pixels: resize, centre crop and padding, with the pixels of training.

torchvision, timm and transformers resize the whole image and then cut the centre out of the result.
Only the crop is computed here: its edges are mapped back into the source image and that box
is resampled. That is a quarter less work, and long narrow images cannot blow up.
Two things keep the pixels equal to those of a whole resize:

- Pillow resamples in two passes and rounds after each, so their order shows. Since Pillow 13
  the order depends on the sizes, and those of the crop can ask for the other one.
- Pillow keeps the box in 32-bit floats. Where few pixels more than the crop have edges that
  such a float holds exactly, these are computed and cut off.

Where :mod:`preprocessing.resize.simd` gives the same pixels, it takes Pillow's place. Nearest
and filters without antialias are in :mod:`preprocessing.resize.fixed_filters`.
"""

import math

import numpy as np
from PIL import Image

from model_spec import Channels, Interpolation, Preprocessing, Rounding
from preprocessing.orientation import Box
from preprocessing.pixels import Pixels, Side
from preprocessing.resize import fixed_filters, simd
from preprocessing.resize.sizes import sides

_FILTERS = {
    Interpolation.BOX: Image.Resampling.BOX,
    Interpolation.BILINEAR: Image.Resampling.BILINEAR,
    Interpolation.HAMMING: Image.Resampling.HAMMING,
    Interpolation.BICUBIC: Image.Resampling.BICUBIC,
    Interpolation.LANCZOS: Image.Resampling.LANCZOS,
}

# In output pixels: the support of the widest filter, Lanczos.
_SUPPORT = 3

# A wider part is computed if that makes the crop's edges exact: at most this many times the crop's
# side. The second bound covers the whole of photographs up to 3:1.
_WIDEST, _WIDEST_EXACT = 1.3, 4

# With 2, many photographs of 24 megapixels are decoded at 1/8, and 1.5 % got another class. With 4,
# decoding 12 megapixels cost half as much again (benchmarks/decoding.md).
_OVERSAMPLING = 2.5


def least_side(preprocessing: Preprocessing) -> int | None:
    """Pixels to which the shorter side of a photograph may be scaled before ``transform``.

    None where it may not be scaled at all: nearest, and every filter without antialias, takes
    single pixels, not means.
    """
    if preprocessing.interpolation is Interpolation.NEAREST or not preprocessing.antialias:
        return None
    # No side is resized to more pixels than this, unless it is the longer one.
    return math.ceil(_OVERSAMPLING * preprocessing.resize_size.longer_side)


def transform(
    image: Image.Image | Pixels, preprocessing: Preprocessing, box: Box | None = None
) -> Pixels:
    """Resize to ``resize_size``, cut ``crop_size`` from the centre, and pad what is smaller.

    Args:
        image: RGB.
        box: the part of the image that is the photograph; all of it by default.

    Returns:
        Pixels of ``preprocessing.pixels_shape``: RGB, which the graph makes BGR if needed, or grey.
    """
    width, height = image.shape[1::-1] if isinstance(image, np.ndarray) else image.size
    across, down = sides(width, height, box or Box(0, 0, width, height), preprocessing)
    if preprocessing.channels is Channels.GREY:
        image = _pillow(image).convert("L")
    pixels = _resized(image, across, down, preprocessing)
    if (down.size, across.size, pixels.shape[2]) == preprocessing.pixels_shape:
        return pixels
    return _padded(pixels, preprocessing)


def crop_box(width: int, height: int, preprocessing: Preprocessing) -> Box:
    """Edges of what ``transform`` shows of a photograph of this size, in its pixels.

    With padding they are outside of the photograph.
    """
    across, down = sides(width, height, Box(0, 0, width, height), preprocessing)
    size = preprocessing.crop_size
    (left, right), (top, bottom) = _shown(across, size.width), _shown(down, size.height)
    return Box(left, top, right, bottom)


def _shown(side: Side, crop: int) -> tuple[float, float]:
    """Edges of the crop with its padding, in the photograph's pixels."""
    scale = side.length / side.resized
    start = (side.offset - (crop - side.size) // 2) * scale
    return start, start + crop * scale


def _resized(
    image: Image.Image | Pixels, across: Side, down: Side, preprocessing: Preprocessing
) -> Pixels:
    """Resize and crop: uint8 ``[down.size, across.size, channels]``."""
    interpolation, antialias = preprocessing.interpolation, preprocessing.antialias
    if not antialias or interpolation is Interpolation.NEAREST:
        pixels = np.asarray(image).reshape(down.pixels, across.pixels, -1)
        return fixed_filters.resize(pixels, across, down, interpolation, antialias=antialias)
    # transformers resizes with PyTorch's kernels, which take the horizontal pass first.
    by_torch = preprocessing.rounding is Rounding.TRANSFORMERS
    down_first = not by_torch and _down_first(
        (across.length, down.length), (across.resized, down.resized)
    )
    if by_torch:
        fast = simd.gives_torchs_pixels(interpolation)
    else:
        near = simd.gives_pillows_pixels(across, down, interpolation)
        fast = near and not preprocessing.exact_pixels
    if fast and not down_first and preprocessing.channels is not Channels.GREY:
        return simd.resize(image, across, down, interpolation)
    pixels = _resize(_pillow(image), across, down, preprocessing, down_first)
    return pixels.reshape(down.size, across.size, -1)


def _pillow(image: Image.Image | Pixels) -> Image.Image:
    return Image.fromarray(image) if isinstance(image, np.ndarray) else image


def _padded(pixels: Pixels, preprocessing: Preprocessing) -> Pixels:
    """Add equal borders left and right, above and below; an odd pixel is right or below."""
    height, width, _ = pixels.shape
    size = preprocessing.crop_size
    canvas = Image.new("RGB", (size.width, size.height), preprocessing.pad_colour)
    if preprocessing.channels is Channels.GREY:
        canvas = canvas.convert("L")
    padded = np.array(canvas).reshape(preprocessing.pixels_shape)
    top, left = (size.height - height) // 2, (size.width - width) // 2
    padded[top : top + height, left : left + width] = pixels
    return padded


def _resize(
    image: Image.Image, across: Side, down: Side, preprocessing: Preprocessing, down_first: bool
) -> Pixels:
    """Resize and crop with Pillow, the vertical pass first if asked for."""
    method = _FILTERS[preprocessing.interpolation]
    widest = _widest(preprocessing)
    wider, higher = _widened(across, widest), _widened(down, widest)
    size = wider.size, higher.size
    (left, right), (top, bottom) = wider.edges, higher.edges
    pillow_takes_down_first = _down_first(image.size, size)
    if pillow_takes_down_first and not down_first:
        first, last = higher.reached(_SUPPORT)
        rows = image.crop((0, first, image.width, last))
        image = rows.resize((size[0], rows.height), method, box=(left, 0, right, rows.height))
        left, right, top, bottom = 0, size[0], top - first, bottom - first
    elif down_first and not pillow_takes_down_first:
        first, last = wider.reached(_SUPPORT)
        columns = image.crop((first, 0, last, image.height))
        box = (0, top, columns.width, bottom)
        image = columns.resize((columns.width, size[1]), method, box=box)
        left, right, top, bottom = left - first, right - first, 0, size[1]
    pixels = np.asarray(image.resize(size, method, box=(left, top, right, bottom)))
    x, y = across.offset - wider.offset, down.offset - higher.offset
    return np.ascontiguousarray(pixels[y : y + down.size, x : x + across.size])


def _widest(preprocessing: Preprocessing) -> float:
    """How many times as wide as the crop the computed part may be."""
    # Box jumps: an edge that is off by a rounding takes another pixel. Grey costs little.
    if preprocessing.interpolation is Interpolation.BOX or preprocessing.channels is Channels.GREY:
        return math.inf
    # Many values of bilinear are exactly between two integers: their rounding shows any such edge.
    bilinear = preprocessing.interpolation is Interpolation.BILINEAR
    return _WIDEST_EXACT if preprocessing.exact_pixels and bilinear else _WIDEST


def _widened(side: Side, widest: float) -> Side:
    """The crop, widened to exact edges unless that is over ``widest`` times its size."""
    step = _exact_step(side.length, side.resized)
    first = side.offset // step * step
    size = -(-(side.offset + side.size) // step) * step - first
    return side._replace(offset=first, size=size) if size <= widest * side.size else side


def _exact_step(length: float, resized: int) -> int:
    """Output pixels from one edge at a whole source pixel, or a half, a quarter, …, to the next."""
    numerator, _ = length.as_integer_ratio()  # over a power of two
    step = resized // math.gcd(resized, numerator)
    return step // (step & -step)


def _down_first(size: tuple[float, float], resized: tuple[int, int]) -> bool:
    """Whether Pillow takes the vertical pass first (13.0, ``ImagingResampleInner``).

    Earlier versions never do.
    """
    less_wide, less_high = size[0] - resized[0], size[1] - resized[1]
    return less_high > 0 and less_high > 2 * less_wide
