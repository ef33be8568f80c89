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
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import AvifImagePlugin, Image, PngImagePlugin, UnidentifiedImageError

from errors import CorruptImage, ExtremeAspectRatio, ImageTooLarge, UnsupportedImage
from preprocessing.orientation import Box, upright
from preprocessing.structure import Size, begins_like_an_image, check_structure

# Pillow's JPEG plugin also opens "MPO": what phones write, a JPEG with a preview behind it.
FORMATS = ("AVIF", "GIF", "JPEG", "PNG", "WEBP")
"""Image formats that are taken, as far as the installed Pillow decodes them."""

# The limits below are checked on the header, with a clear error; Pillow's own check
# would only warn at this size.
Image.MAX_IMAGE_PIXELS = None

# About odd metadata, one for every tag: a file could fill the log.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Images are decoded side by side, by as many threads as there are processors.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

# Characters of a PNG's texts together: Pillow keeps them, with up to four bytes each.
PngImagePlugin.MAX_TEXT_MEMORY = 8 * 1024 * 1024

# An AVIF may have its transparency, tiles and layers beside the image itself.
_FULL_FRAMES = 4

_CORRUPT = "the image is truncated or corrupt"

_BACKGROUND = (255, 255, 255)


@dataclass(frozen=True)
class DecodeLimits:
    """Checked on an image's header, before any pixel is decoded.

    Attributes:
        max_pixels: width × height.
        max_aspect_ratio: longer side divided by shorter side.
    """

    max_pixels: int
    max_aspect_ratio: float


class Decoded(NamedTuple):
    """A decoded photograph.

    Attributes:
        image: RGB, upright.
        box: what of the image is the photograph: all of it, except that the outer pixels of
            a scaled one may reach over the photograph's edge.
    """

    image: Image.Image
    box: Box


def decode(encoded: bytes | memoryview, limits: DecodeLimits) -> Image.Image:
    """Decode an image to 8-bit RGB, upright.

    Raises:
        ImageError: as ``decode_scaled``.
    """
    return decode_scaled(encoded, limits, None).image


def decode_scaled(
    encoded: bytes | memoryview, limits: DecodeLimits, least_side: int | None
) -> Decoded:
    """Decode to 8-bit RGB, upright, a large JPEG at 1/2, 1/4 or 1/8 of its size.

    libjpeg then computes fewer pixels of each block of 8 x 8.

    Args:
        encoded: an image.
        limits: for its full size.
        least_side: pixels that the shorter side must keep; None: nothing is scaled.

    Raises:
        UnsupportedImage: the bytes are in none of the formats that are taken.
        CorruptImage: they begin like one of them but cannot be decoded, or not in
            reasonable time.
        ImageTooLarge: more pixels than the limit.
        ExtremeAspectRatio: longer and narrower than the limit.
    """
    content = bytes(encoded)
    _check_frames(check_structure(content), limits)
    try:
        image = Image.open(BytesIO(content), formats=FORMATS)
        _check_size(image.width, image.height, limits)
        box = _draft(image, least_side)
        image.load()
        turned, box = upright(image, box)
        return Decoded(_to_rgb(turned), box)
    except UnidentifiedImageError as error:
        if begins_like_an_image(content):
            raise CorruptImage(_CORRUPT) from error
        raise UnsupportedImage(
            f"not an image in a supported format ({', '.join(FORMATS)})"
        ) from error
    except (ImageTooLarge, ExtremeAspectRatio, MemoryError):
        raise
    except Exception as error:
        # Pillow's decoders raise many types for broken files (OSError, SyntaxError,
        # ValueError, struct.error, EOFError, …): whatever they raise is the file's fault.
        raise CorruptImage(_CORRUPT) from error


def _check_frames(sizes: list[Size], limits: DecodeLimits) -> None:
    for width, height in sizes:
        _check_pixels(width, height, limits)
    together = sum(width * height for width, height in sizes)
    if together > _FULL_FRAMES * limits.max_pixels:
        raise ImageTooLarge(
            f"the image has {len(sizes)} frames of {together} pixels, "
            f"more than {_FULL_FRAMES} times the limit of {limits.max_pixels}"
        )


def _check_size(width: int, height: int, limits: DecodeLimits) -> None:
    _check_pixels(width, height, limits)
    if max(width, height) > limits.max_aspect_ratio * min(width, height):
        raise ExtremeAspectRatio(
            f"the image is {width} x {height}, its sides differ by more than "
            f"the limit of 1:{limits.max_aspect_ratio:g}"
        )


def _check_pixels(width: int, height: int, limits: DecodeLimits) -> None:
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image has {width} x {height} = {width * height} pixels, "
            f"more than the limit of {limits.max_pixels}"
        )


def _draft(image: Image.Image, least_side: int | None) -> Box:
    """Have an image loaded scaled; where the photograph will be in what is loaded.

    The box is exact: a side is divided by a power of two, while the pixels are whole ones.
    """
    full = Box(0, 0, *image.size)
    if least_side is None:
        return full
    drafted = image.draft(None, (least_side, least_side))  # None: a format that cannot
    return full if drafted is None else Box(*drafted[1])


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
