"""HEIC files that claim more than they hold; none without the extra that reads them.

libheif's own encoder makes them. Parts that it does not write are added by hand.
"""

import functools
import struct
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from itertools import count
from typing import Any

from PIL import Image

from harness.avifs import box, full_box
from harness.images import exif
from hostile.images.files import CORRUPT, EXTREME, SIDE, TOO_LARGE, UNSUPPORTED, File, red
from hostile.requests.expected import RED

QUICKLY = {"preset": "ultrafast"}
"""Options of the encoder: a fifth of the time, and hardly more bytes."""

_TILE = 64
_BRAND = slice(8, 12)


def heic(*images: Image.Image, **options: object) -> bytes:
    """A HEIC of images, the first of which is shown."""
    made = import_module("pillow_heif").HeifFile()
    for image in images:
        made.add_from_pillow(image)
    return _saved(made, primary_index=0, enc_params=dict(QUICKLY), **options)


def _saved(made: Any, **options: object) -> bytes:
    buffer = BytesIO()
    made.save(buffer, **options)
    return buffer.getvalue()


@functools.cache
def small() -> bytes:
    """A red tile."""
    return heic(red(_TILE, _TILE))


def that_says(width: int, height: int) -> bytes:
    """The red tile, whose index claims another size."""
    said = struct.pack(">II", _TILE, _TILE)
    return small().replace(said, struct.pack(">II", width, height))


def of_brand(brand: bytes, content: bytes) -> bytes:
    """A file whose brand claims another format."""
    return content[: _BRAND.start] + brand + content[_BRAND.stop :]


def deep() -> bytes:
    """Ten bits a channel."""
    made = import_module("pillow_heif").HeifFile()
    made.add_frombytes("RGB;16", (_TILE, _TILE), struct.pack("<HHH", 0xFFFF, 0, 0) * _TILE**2)
    return _saved(made)


def turned() -> bytes:
    """Turned both by the container and by the Exif data, as phones write it."""
    image = red(_TILE, _TILE // 2)
    image.paste((0, 0, 255), (0, 0, 4, 4))
    image.info["exif"] = exif(6).tobytes()
    return heic(image)


def grid(rows: int, columns: int, *, size: tuple[int, int], of_itself: bool = False) -> bytes:
    """A grid whose tiles are all the same image, or the grid itself; it claims ``size``."""
    source = small()
    start = source.index(b"hvcC") - 4
    configuration = source[start : start + int.from_bytes(source[start : start + 4], "big")]
    tile = source[source.index(b"mdat") + 4 :]
    layout = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, *size)
    references = [1 if of_itself else 2] * (rows * columns)
    links = struct.pack(f">HH{len(references)}H", 1, len(references), *references)
    names = (
        full_box(b"infe", struct.pack(">HH", number, 0) + kind + b"\0", 2)
        for number, kind in zip(count(1), (b"grid", b"hvc1"), strict=False)
    )
    places = ((1, 0, len(layout)), (2, len(layout), len(tile)))
    located = b"".join(
        struct.pack(">HHHHII", number, 1, 0, 1, offset, length) for number, offset, length in places
    )
    sizes = [full_box(b"ispe", struct.pack(">II", *each)) for each in (size, (_TILE, _TILE))]
    owned = struct.pack(">I", 2) + struct.pack(">HBB", 1, 1, 1) + struct.pack(">HBBB", 2, 2, 2, 131)
    properties = box(b"ipco", b"".join([*sizes, configuration])) + full_box(b"ipma", owned)
    index = [
        full_box(b"hdlr", bytes(4) + b"pict" + bytes(13)),
        full_box(b"pitm", struct.pack(">H", 1)),
        full_box(b"iloc", b"\x44\0" + struct.pack(">H", 2) + located, 1),
        full_box(b"iinf", struct.pack(">H", 2) + b"".join(names)),
        full_box(b"iref", box(b"dimg", links)),
        box(b"iprp", properties),
        box(b"idat", layout + tile),
    ]
    return box(b"ftyp", b"heic\0\0\0\0mif1heic") + full_box(b"meta", b"".join(index))


_FILES: dict[str, File] = {
    "HEIC": File(small, RED),
    "HEIC of 27 MP in 20 KB": File(lambda: heic(red(SIDE, SIDE), quality=1), TOO_LARGE),
    "HEIC of 2200 × 64": File(lambda: heic(red(2200, 64)), EXTREME),
    "HEIC that says 2³¹ × 2³¹": File(lambda: that_says(2**31 - 1, 2**31 - 1), TOO_LARGE),
    "HEIC that says 4000 × 4000": File(lambda: that_says(4000, 4000), CORRUPT),
    "HEIC that says 0 × 0": File(lambda: that_says(0, 0), CORRUPT),
    "HEIC that calls itself a sequence": File(lambda: of_brand(b"hevc", small()), RED),
    "HEIC that calls itself an AVIF": File(lambda: of_brand(b"avif", small()), CORRUPT),
    "HEIC of no known brand": File(lambda: of_brand(b"abcd", small()), UNSUPPORTED),
    "HEIC of several images": File(
        lambda: heic(red(_TILE, _TILE), *[Image.new("RGB", (_TILE, _TILE))] * 20), RED
    ),
    "HEIC with transparency": File(lambda: heic(red(_TILE, _TILE).convert("RGBA")), RED),
    "HEIC of 10 bits": File(deep, RED),
    "HEIC that is turned": File(turned, RED),
    "HEIC of 4 tiles": File(lambda: grid(2, 2, size=(2 * _TILE, 2 * _TILE)), RED),
    "HEIC of 256 tiles": File(lambda: grid(16, 16, size=(16 * _TILE, 16 * _TILE)), RED),
    # libheif bounds the number of tiles.
    "HEIC of 4,096 tiles": File(lambda: grid(64, 64, size=(64 * _TILE, 64 * _TILE)), CORRUPT),
    "HEIC of 65,025 tiles": File(lambda: grid(255, 255, size=(255 * _TILE, 255 * _TILE)), CORRUPT),
    "HEIC of 65,025 tiles on 64 × 64": File(lambda: grid(255, 255, size=(_TILE, _TILE)), CORRUPT),
    # libheif leaves such tiles empty, and the class of a black image is the first.
    "HEIC that is its own tile": File(
        lambda: grid(2, 2, size=(2 * _TILE, 2 * _TILE), of_itself=True), RED
    ),
    "HEIC in a HEIC": File(lambda: small()[:24] + box(b"free", small()) + small()[24:], CORRUPT),
}

HEICS: dict[str, File] = _FILES if find_spec("pillow_heif") else {}  # empty without the extra
