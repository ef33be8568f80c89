"""Encoded bytes → RGB image.

One rule for each kind of image:

- The orientation of its EXIF data is applied; an unreadable one is ignored.
- Transparency (alpha, palette, or the colour key of 8-bit and 16-bit greyscale and of
  8-bit RGB) is composited over white: colours hidden under it never show.
- Greyscale and bilevel become three equal channels; 16-bit greyscale keeps its high byte.
- CMYK is converted as Pillow does it, without colour management; embedded ICC
  profiles are ignored, as they were in training.
- Of an animation the first frame counts.
"""

import time
import warnings
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import AvifImagePlugin, Image, PngImagePlugin, UnidentifiedImageError

from errors import CorruptImage, ImageError
from preprocessing.decode_limits import DecodeLimits
from preprocessing.isolated.formats import CORRUPT, FORMATS, install, is_heic, refusal
from preprocessing.jpeg import decode_jpeg, divisor_for, is_soon_decoded
from preprocessing.ordinary import OrdinaryImage, recognise
from preprocessing.ordinary.image import Odd
from preprocessing.orientation import UPRIGHT, Box, orientation_of, upright
from preprocessing.pixels import Pixels

MAX_ORDINARY_BYTES = {"JPEG": 8 * 1024 * 1024, "PNG": 8 * 1024 * 1024, "WEBP": 1024 * 1024}
"""Of a file that the worker itself decodes. A byte of a WebP costs eight times as much as one of
a JPEG (hostile/dearest.py)."""

MAX_ORDINARY_PIXELS = {"JPEG": 5_000_000, "PNG": 2_100_000, "WEBP": 2_100_000}
"""That decoding computes in the worker itself: 1920 x 1080 where a pixel costs much. A JPEG of
a phone, decoded at a part of its size, has fewer."""

MAX_ORDINARY_FULL_PIXELS = 25_000_000
"""Of a file that the worker itself decodes: those that scaled decoding passes over count, too,
and each as often as there are passes over the whole image."""

MAX_ORDINARY_SECONDS, MAX_ORDINARY_SECONDS_PER_PIXEL = 0.01, 5e-8
"""Of processor time that the worker itself spends while it feeds a decoder; three times what it
takes. A megabyte in a PNG can be arranged to take a sixth of a second and to give no pixel."""

_PIECE_BYTES = 4096
"""From this on, what a decoder reads are pixels."""

# DecodeLimits are checked on the header, with a clear error; Pillow's own check
# would only warn at this size.
Image.MAX_IMAGE_PIXELS = None

# About odd metadata, one for every tag: a file could fill the log.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Images are decoded side by side, by as many threads as there are processors.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

# Characters of a PNG's texts together: Pillow keeps them, with up to four bytes each.
PngImagePlugin.MAX_TEXT_MEMORY = 8 * 1024 * 1024

_SCALED = ("JPEG", "MPO")

_BACKGROUND = (255, 255, 255)


class Decoded(NamedTuple):
    """A decoded photograph.

    Attributes:
        image: RGB, upright.
        box: what of the image is the photograph: all of it, except that the outer pixels of
            a scaled one may reach over the photograph's edge.
        divisor: of the photograph's sides, 1, 2, 4 or 8: it was decoded at a part of its size.
    """

    image: Image.Image
    box: Box
    divisor: int


class DecodedArray(NamedTuple):
    """A photograph that was decoded without Pillow.

    Attributes:
        image: uint8 ``[H, W, 3]``, upright.
        box: as in ``Decoded``.
        divisor: as in ``Decoded``.
    """

    image: Pixels
    box: Box
    divisor: int


def size_of(decoded: Decoded | DecodedArray) -> tuple[int, int]:
    """Width and height of the whole photograph, upright, in pixels."""
    left, top, right, bottom = decoded.box
    return round((right - left) * decoded.divisor), round((bottom - top) * decoded.divisor)


def decode(encoded: bytes | memoryview, limits: DecodeLimits) -> Image.Image:
    """Decode an image to 8-bit RGB, upright.

    Raises:
        ImageError: as ``decode_scaled``.
    """
    return decode_scaled(encoded, limits, None).image


def decode_ordinary(
    encoded: bytes | memoryview, limits: DecodeLimits, least_side: int | None
) -> Decoded | DecodedArray | None:
    """Decode an ordinary image (:mod:`preprocessing.ordinary`) that costs little.

    Args:
        encoded: an image.
        limits: for what decoding computes.
        least_side: as for ``decode_scaled``.

    Returns:
        None if it is not ordinary: then ``decode_scaled`` is to decode it, in a process whose
        time and memory are bounded.

    Raises:
        ImageError: as ``decode_scaled``.
    """
    content = bytes(encoded)
    image = recognise(content) if len(content) <= max(MAX_ORDINARY_BYTES.values()) else None
    if image is None or not _is_cheap(image):
        return None
    decoded = _upright_jpeg(image, limits, least_side)
    if decoded is not None:
        return decoded
    try:
        opened = _opened(_Metered(image), (image.format,))
        drafted = _draft(opened, limits, least_side)
        if opened.width * opened.height > MAX_ORDINARY_PIXELS[image.format]:
            return None
        return _decoded(opened, drafted, image.orientation)
    except Odd:
        return None


def _is_cheap(image: OrdinaryImage) -> bool:
    """As far as that can be told before it is opened."""
    return (
        len(image.content) <= MAX_ORDINARY_BYTES[image.format]
        and image.width * image.height * image.passes <= MAX_ORDINARY_FULL_PIXELS
    )


class _Metered(BytesIO):
    """A file that raises Odd once this thread has spent more time with it than its pixels take.

    Decoders of PNGs and JPEGs read 64 KB at a time.
    """

    def __init__(self, image: OrdinaryImage) -> None:
        super().__init__(image.content)
        pixels = image.width * image.height
        seconds = MAX_ORDINARY_SECONDS + MAX_ORDINARY_SECONDS_PER_PIXEL * pixels
        self._end = time.thread_time() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size >= _PIECE_BYTES and time.thread_time() > self._end:
            raise Odd
        return super().read(size)


def decode_scaled(
    encoded: bytes | memoryview,
    limits: DecodeLimits,
    least_side: int | None,
    formats: tuple[str, ...] = FORMATS,
) -> Decoded:
    """Decode to 8-bit RGB, upright, a large JPEG at 1/2, 1/4 or 1/8 of its size.

    libjpeg then computes fewer pixels of each block of 8 x 8.

    How long it takes and how much memory is not bounded here: some files of a few kilobytes
    keep a decoder busy for minutes.

    Args:
        encoded: an image.
        limits: for what decoding computes.
        least_side: pixels that the shorter side must keep; None: nothing is scaled.
        formats: that are taken, as Pillow names them.

    Raises:
        UnsupportedImage: the bytes are in none of the formats that are taken.
        CorruptImage: they begin like one of them but cannot be decoded.
        ImageTooLarge: decoding would compute more pixels than the limit.
        ExtremeAspectRatio: longer and narrower than the limit.
    """
    image = _opened(BytesIO(encoded), formats)
    return _decoded(image, _draft(image, limits, least_side))


def stored_size(encoded: bytes | memoryview) -> tuple[int, int]:
    """Width and height in pixels as an image that can be decoded says, before it is turned upright.

    Raises:
        ImageError: as ``decode_scaled``.
    """
    formats = install() if is_heic(encoded) else FORMATS
    return _opened(BytesIO(encoded), formats).size


def _upright_jpeg(
    image: OrdinaryImage, limits: DecodeLimits, least_side: int | None
) -> DecodedArray | None:
    """Decode an ordinary JPEG that needs no turning; None if Pillow is to do it.

    Raises:
        ImageError: it is over a limit.
    """
    if image.format != "JPEG" or image.orientation != UPRIGHT or not is_soon_decoded(image):
        return None
    size = image.width, image.height
    divisor = divisor_for(min(size), least_side)
    width, height = (-(-side // divisor) for side in size)
    limits.check(size, (width, height))
    if width * height > MAX_ORDINARY_PIXELS[image.format]:
        return None
    pixels = decode_jpeg(image.content, width, height, divisor)
    if pixels is None:
        return None
    return DecodedArray(pixels, Box(0, 0, size[0] / divisor, size[1] / divisor), divisor)


def _opened(file: BytesIO, formats: tuple[str, ...]) -> Image.Image:
    try:
        return Image.open(file, formats=formats)
    except UnidentifiedImageError as error:
        raise refusal(file.getvalue(), formats) from error
    except MemoryError:
        raise
    except Exception as error:
        raise CorruptImage(CORRUPT) from error


class _Drafted(NamedTuple):
    """How an opened image will be loaded: as of ``Decoded``, but not turned upright yet."""

    box: Box
    divisor: int


def _decoded(image: Image.Image, drafted: _Drafted, orientation: int | None = None) -> Decoded:
    """Load an opened image, turn it upright and convert it.

    Args:
        image: opened.
        drafted: how it will be loaded.
        orientation: None: it is read from the image.
    """
    size = image.size
    try:
        image.load()
        if image.size != size:
            # libheif may find another size in the coded image than in its container.
            raise CorruptImage(CORRUPT)
        if orientation is None:
            orientation = orientation_of(image)
        turned, box = upright(image, drafted.box, orientation)
        return Decoded(_to_rgb(turned), box, drafted.divisor)
    except (MemoryError, Odd, ImageError):
        raise
    except Exception as error:
        # Pillow's decoders raise many types for broken files (OSError, SyntaxError,
        # ValueError, struct.error, EOFError, …): whatever they raise is the file's fault.
        raise CorruptImage(CORRUPT) from error


def _draft(image: Image.Image, limits: DecodeLimits, least_side: int | None) -> _Drafted:
    """Have an image loaded scaled.

    The box is exact: a side is divided by a power of two, while the pixels are whole ones.
    """
    full = image.size
    # None: nothing is scaled. Of a HEIC, draft would take the thumbnail.
    drafted = None
    if least_side and image.format in _SCALED:
        drafted = image.draft(None, (least_side, least_side))
    limits.check(full, image.size)
    if drafted is None:
        return _Drafted(Box(0, 0, *full), 1)
    box = Box(*drafted[1])
    return _Drafted(box, round(full[0] / box.right))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow would clip 16 bits to 255 instead of scaling them.
        grey = np.asarray(image)
        high_byte = (grey >> 8).clip(0, 255).astype(np.uint8)
        if (colour_key := image.info.get("transparency")) is not None:
            high_byte[grey == colour_key] = 255
        return Image.fromarray(high_byte).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        background = Image.new("RGB", image.size, _BACKGROUND)
        background.paste(rgba, mask=rgba.getchannel("A"))
        return background
    # convert() would copy what is RGB already.
    return image if image.mode == "RGB" else image.convert("RGB")
