"""Images made by Pillow, or by hand where Pillow cannot."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from model_spec import Interpolation, Preprocessing, Size
from preprocessing import DecodeLimits

LIMITS = DecodeLimits(max_pixels=1_000_000, max_aspect_ratio=20.0)

FORMATS = ("AVIF", "GIF", "JPEG", "MPO", "PNG", "WEBP")


def preprocessing(
    resize: int, crop: int, interpolation: Interpolation = Interpolation.BILINEAR
) -> Preprocessing:
    """Without normalisation."""
    return Preprocessing(
        resize_size=Size.square(resize),
        crop_size=Size.square(crop),
        interpolation=interpolation,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        source="by hand",
    )


def save(image: Image.Image, image_format: str, **options: Any) -> bytes:
    """A file of one of Pillow's formats, with options of its own."""
    buffer = BytesIO()
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()


def exif(orientation: int) -> Image.Exif:
    """Nothing but an orientation."""
    data = Image.Exif()
    data[ExifTags.Base.Orientation] = orientation
    return data


def png(  # noqa: PLR0913
    width: int,
    height: int,
    *,
    depth: int,
    colour_type: int,
    rows: bytes,
    colour_key: bytes | None = None,
) -> bytes:
    """A PNG by hand; each of its rows begins with the 0 byte of its filter."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    if colour_key is not None:
        chunks.append((b"tRNS", colour_key))
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def textured(width: int, height: int, seed: int = 0) -> Image.Image:
    """Noise over a gradient: no two places alike, and every frequency."""
    y, x = np.mgrid[0:height, 0:width]
    right, down = x * 255 / max(width - 1, 1), y * 255 / max(height - 1, 1)
    gradient = np.stack([right, down, (right + down) / 2], axis=-1)
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return Image.fromarray(((gradient + noise) / 2).astype(np.uint8))


# Exif 2.32, tag 0x0112, names the visual sides that row 0 and column 0 of the stored
# image show; these make the stored image out of the upright one (numpy, counter-clockwise).
STORED_AS = {
    1: lambda upright: upright,  # row 0: top, column 0: left
    2: lambda upright: upright[:, ::-1],  # top, right
    3: lambda upright: upright[::-1, ::-1],  # bottom, right
    4: lambda upright: upright[::-1],  # bottom, left
    5: lambda upright: upright.swapaxes(0, 1),  # left, top
    6: lambda upright: upright.swapaxes(0, 1)[::-1],  # right, top
    7: lambda upright: upright.swapaxes(0, 1)[::-1, ::-1],  # right, bottom
    8: lambda upright: upright.swapaxes(0, 1)[:, ::-1],  # left, bottom
}


def rotated_twin(upright: Image.Image, orientation: int, image_format: str = "PNG") -> bytes:
    """A lossless file that shows ``upright`` only after its EXIF orientation is applied."""
    stored = Image.fromarray(np.ascontiguousarray(STORED_AS[orientation](np.asarray(upright))))
    lossless = {"lossless": True} if image_format == "WEBP" else {}
    return save(stored, image_format, exif=exif(orientation), **lossless)
