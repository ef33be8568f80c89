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

import warnings
from io import BytesIO
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from PIL import AvifImagePlugin, Image, PngImagePlugin, UnidentifiedImageError

from errors import CorruptImage, ImageError
from preprocessing.decode_limits import DecodeLimits
from preprocessing.encoded import Encoded
from preprocessing.isolated.formats import CORRUPT, FORMATS, install, is_heic, refusal
from preprocessing.ordinary.image import NotOrdinary
from preprocessing.orientation import Box, orientation_of, upright
from preprocessing.pixels import Pixels

# DecodeLimits are checked on the header, with a clear error; Pillow's own check
# would only warn at this size.
Image.MAX_IMAGE_PIXELS = None

# Pillow warns of each odd tag of metadata: a file could fill the log.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Images are decoded side by side, by as many threads as there are processors.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

# Characters of a PNG's texts together: Pillow keeps them, with up to four bytes each.
PngImagePlugin.MAX_TEXT_MEMORY = 8 * 1024 * 1024

_SCALED = ("JPEG", "MPO")

_BACKGROUND = (255, 255, 255)


RgbImage = TypeVar("RgbImage", Image.Image, Pixels)
"""Of Pillow, or decoded without it."""


class Decoded(NamedTuple, Generic[RgbImage]):
    """A decoded photograph.

    Attributes:
        image: RGB, upright.
        box: the part of the image that is the photograph: all of it, but that the outer pixels of
            a scaled image may reach over the photograph's edge.
        divisor: 1, 2, 4 or 8: the image was decoded at this part of its size.
    """

    image: RgbImage
    box: Box
    divisor: int


def size_of(decoded: Decoded[Any]) -> tuple[int, int]:
    """Width and height of the whole photograph, upright, in pixels."""
    left, top, right, bottom = decoded.box
    return round((right - left) * decoded.divisor), round((bottom - top) * decoded.divisor)


def decode(encoded: Encoded, limits: DecodeLimits) -> Image.Image:
    """Decode an image to 8-bit RGB, upright.

    Raises:
        ImageError: as ``decode_scaled``.
    """
    return decode_scaled(encoded, limits, None).image


def decode_scaled(
    encoded: Encoded,
    limits: DecodeLimits,
    least_side: int | None,
    formats: tuple[str, ...] = FORMATS,
) -> Decoded[Image.Image]:
    """Decode to 8-bit RGB, upright, a large JPEG at 1/2, 1/4 or 1/8 of its size.

    libjpeg then computes fewer pixels of each block of 8 x 8.

    Time and memory are not bounded here: some files of a few kilobytes keep a decoder busy for
    minutes.

    Args:
        least_side: pixels that the shorter side must keep; None: nothing is scaled.
        formats: that are taken, as Pillow names them.

    Raises:
        UnsupportedImage: the bytes are in none of the formats that are taken.
        CorruptImage: they begin like one of them but cannot be decoded.
        ImageTooLarge: decoding would compute more pixels than the limit.
        ExtremeAspectRatio: longer and narrower than the limit.
    """
    image = open_image(BytesIO(encoded), formats)
    return load(image, draft(image, limits, least_side))


def stored_size(encoded: Encoded) -> tuple[int, int]:
    """Width and height in pixels as an image that can be decoded says, before it is turned upright.

    Raises:
        ImageError: as ``decode_scaled``.
    """
    formats = install() if is_heic(encoded) else FORMATS
    return open_image(BytesIO(encoded), formats).size


def open_image(file: BytesIO, formats: tuple[str, ...]) -> Image.Image:
    """Read an image's header.

    Raises:
        ImageError: as ``decode_scaled``.
    """
    try:
        return Image.open(file, formats=formats)
    except UnidentifiedImageError as error:
        raise refusal(file.getvalue(), formats) from error
    except MemoryError:
        raise
    except Exception as error:
        raise CorruptImage(CORRUPT) from error


class Drafted(NamedTuple):
    """How an opened image will be loaded; as in ``Decoded``, but not turned upright yet."""

    box: Box
    divisor: int


def load(
    image: Image.Image, drafted: Drafted, orientation: int | None = None
) -> Decoded[Image.Image]:
    """Load an opened image, turn it upright and convert it.

    Without an orientation, it is read from the image.

    Raises:
        CorruptImage: it cannot be decoded.
        NotOrdinary: its file has taken too much time.
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
    except (MemoryError, NotOrdinary, ImageError):
        raise
    except Exception as error:
        # Pillow's decoders raise many types for broken files (OSError, SyntaxError,
        # ValueError, struct.error, EOFError, …): all of them are the file's fault.
        raise CorruptImage(CORRUPT) from error


def draft(image: Image.Image, limits: DecodeLimits, least_side: int | None) -> Drafted:
    """Have a large JPEG loaded at a part of its size.

    The box is exact: its sides are those of the file, divided by a power of two.

    Raises:
        ImageError: the image is over a limit.
    """
    full = image.size
    # None: the image is loaded in full. Of a HEIC, draft would take the thumbnail.
    drafted = None
    if least_side and image.format in _SCALED:
        drafted = image.draft(None, (least_side, least_side))
    limits.check(full, image.size)
    if drafted is None:
        return Drafted(Box(0, 0, *full), 1)
    box = Box(*drafted[1])
    return Drafted(box, round(full[0] / box.right))


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
