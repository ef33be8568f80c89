"""Images that the checks send, all made from one test image."""

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from load_generator.known_images import TEST_IMAGES

_FILE = "coffee.jpg"
_SIDE = 240

_STORED_ON_ITS_SIDE = 6  # Exif 2.32, tag 0x0112: turn it by 90° clockwise to see it upright
_LOW_BYTE = 77


@cache
def photograph() -> bytes:
    """A photograph, JPEG."""
    return (TEST_IMAGES / _FILE).read_bytes()


@cache
def picture() -> Image.Image:
    """The photograph as a small square, RGB."""
    return Image.open(BytesIO(photograph())).convert("RGB").resize((_SIDE, _SIDE))


def encoded(image: Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    """An image in a format."""
    buffer = BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


@cache
def pairs() -> Mapping[str, tuple[bytes, bytes]]:
    """Odd images, each with an ordinary one that must get the same answer."""
    upright, grey = picture(), picture().convert("L")
    paletted = upright.quantize(64)
    return {
        "EXIF orientation": (_on_its_side(upright), encoded(upright)),
        "transparency": (_half_transparent(upright), encoded(_half_white(upright))),
        "greyscale": (encoded(grey), encoded(grey.convert("RGB"))),
        "16-bit greyscale": (encoded(_sixteen_bit(grey)), encoded(grey)),
        "palette (GIF)": (encoded(paletted, "GIF"), encoded(paletted.convert("RGB"))),
        "lossless WebP": (encoded(upright, "WEBP", lossless=True), encoded(upright)),
    }


@cache
def oddities() -> Mapping[str, bytes]:
    """Images that must get an answer, whichever it is."""
    return {
        "1 × 1 pixel": encoded(Image.new("RGB", (1, 1), (200, 100, 50))),
        "CMYK (JPEG)": encoded(picture().convert("CMYK"), "JPEG"),
        "progressive JPEG": encoded(picture(), "JPEG", progressive=True),
        "12 megapixels": encoded(picture().resize((4000, 3000)), "JPEG", quality=60),
    }


def _on_its_side(upright: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = _STORED_ON_ITS_SIDE
    return encoded(upright.transpose(Image.Transpose.ROTATE_90), exif=exif)


def _half_transparent(image: Image.Image) -> bytes:
    """The lower half is transparent and hides its colours."""
    see_through = image.convert("RGBA")
    alpha = np.full((_SIDE, _SIDE), 255, np.uint8)
    alpha[_SIDE // 2 :] = 0
    see_through.putalpha(Image.fromarray(alpha))
    return encoded(see_through)


def _half_white(image: Image.Image) -> Image.Image:
    whitened = image.copy()
    whitened.paste((255, 255, 255), (0, _SIDE // 2, _SIDE, _SIDE))
    return whitened


def _sixteen_bit(grey: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(grey).astype(np.uint16) * 256 + _LOW_BYTE)
