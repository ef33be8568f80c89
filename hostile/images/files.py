"""Hostile files, each made when it is sent, with the expected outcome.

Their sizes fit the service's default limits: 25 MP, 1:20, 20 MB.
"""

import functools
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image

from errors import CorruptImage, ExtremeAspectRatio, ImageTooLarge, UnsupportedImage
from harness.avifs import Avif, frame, pieces_of_nothing
from harness.images import exif, save
from hostile.images import containers as made
from hostile.images.costly import RED_ROWS
from hostile.requests.expected import RED, Outcome, refused

TOO_LARGE, EXTREME, CORRUPT, UNSUPPORTED = map(
    refused, (ImageTooLarge, ExtremeAspectRatio, CorruptImage, UnsupportedImage)
)

MEGABYTE = 1_000_000
SIDE = 5200  # pixels of a side: a square that is just too large
BODY = 19 * MEGABYTE  # just below the default limit of a body


@dataclass(frozen=True)
class File:
    """A hostile file."""

    make: Callable[[], bytes]
    expected: Outcome


def red(width: int, height: int) -> Image.Image:
    """A red image."""
    return Image.new("RGB", (width, height), (255, 0, 0))


@functools.cache
def lossless_webp() -> bytes:
    """A WebP of 27 MP in 1 KB."""
    return save(red(SIDE, SIDE), "WEBP", lossless=True, method=0)


def animation(image_format: str, **options: Any) -> bytes:
    """Three frames, of which the first is red."""
    others = [Image.new("RGB", (16, 16), colour) for colour in ((0, 0, 255), (0, 255, 0))]
    return save(red(16, 16), image_format, save_all=True, append_images=others, **options)


def scans(count: int, **options: int) -> bytes:
    """A progressive JPEG of 25 MP that repeats its last scans."""
    jpeg = save(red(5000, 5000), "JPEG", progressive=True, **options)
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + jpeg[last:-2] * (count - jpeg.count(b"\xff\xda")) + jpeg[-2:]


def zip_file() -> bytes:
    """An archive with a script."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../evil.sh", "echo owned")
    return buffer.getvalue()


def sub_blocks(pattern: bytes) -> bytes:
    """Image data of a GIF, as long as a body may be."""
    block = (pattern * 255)[:255]
    return (b"\xff" + block) * (BODY // 256)


def avif_with_tags() -> bytes:
    """An AVIF with so much Exif data that Pillow takes long to write it again."""
    turned = struct.pack(">HHLHH", 0x0112, 3, 1, 6, 0)
    tags = b"".join(
        turned if tag == 0x0112 else struct.pack(">HHLL", tag, 4, 1, 7) for tag in range(1, 5_001)
    )
    data = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 5_000) + tags + bytes(4)
    return save(red(16, 16), "AVIF", exif=data)


WIDE_TEXT = "\N{GRINNING FACE}".encode() + b"a" * (2**20 - 4)

BOMBS: dict[str, File] = {
    "PNG of 169 MP in 20 KB": File(lambda: made.black_png(13_000, 13_000), TOO_LARGE),
    "PNG of 88 MP in 10 KB": File(lambda: made.black_png(9380, 9380), TOO_LARGE),
    "PNG of 2³¹ × 2³¹": File(
        lambda: made.PNG_START + made.png_header(2**31 - 1, 2**31 - 1) + made.chunk(b"IDAT"),
        TOO_LARGE,
    ),
    "PNG of 1 × 20,000": File(lambda: made.black_png(1, 20_000), EXTREME),
    "PNG of 20,000 × 1": File(lambda: made.black_png(20_000, 1), EXTREME),
    "PNG without data for its 25 MP": File(
        lambda: made.png(made.png_header(5000, 5000, colour_type=6), zlib.compress(b"")), CORRUPT
    ),
    "PNG of 64 zTXt of 1 MB": File(lambda: made.in_texts(b"zTXt", b"\0\0", 64), CORRUPT),
    "PNG of 64 iTXt of 4 MB": File(
        lambda: made.in_texts(b"iTXt", b"\0\1\0\0\0", 64, WIDE_TEXT), CORRUPT
    ),
    "PNG with a text of 19 MB": File(
        lambda: made.in_png(made.chunk(b"tEXt", b"k\0" + b"a" * BODY)), CORRUPT
    ),
    "PNG with a profile of 100 MB": File(
        lambda: made.in_png(
            made.chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(100 * MEGABYTE), 1))
        ),
        RED,
    ),
    "PNG with 200 profiles": File(
        lambda: made.in_png(made.chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(2**20))) * 200), RED
    ),
    "PNG with 65,535 Exif tags": File(
        lambda: made.in_png(made.chunk(b"eXIf", made.exif_of(65_535, 300, BODY))), RED
    ),
    "PNG with 1,500,000 chunks": File(
        lambda: made.in_png(made.chunk(b"prVt") * 1_500_000), TOO_LARGE
    ),
    "PNG with 8,000 times and no pixels": File(
        lambda: (
            made.PNG_START
            + made.png_header(16, 16)
            + made.chunk(b"tIME", bytes(8 * MEGABYTE))
            + made.chunk(b"tIME") * 8000
            + made.chunk(b"IEND")
        ),
        CORRUPT,
    ),
    "PNG with 100 MB behind its pixels": File(
        lambda: made.png(
            made.png_header(16, 16), zlib.compress(RED_ROWS + bytes(100 * MEGABYTE), 1)
        ),
        RED,
    ),
    "JPEG of 65,500 × 65,500": File(lambda: _jpeg_of(65_500, 65_500), TOO_LARGE),
    "JPEG of 25 MP with 32 scans": File(lambda: scans(32), RED),
    "JPEG of 25 MP with 5,000 scans": File(lambda: scans(5000), TOO_LARGE),
    "JPEG with 300 frame headers": File(
        lambda: made.in_jpeg(made.segment(0xC0, b"\x08\0\x10\0\x10\3" + bytes(65_001)) * 300),
        TOO_LARGE,
    ),
    "JPEG with 100,000 tables": File(
        lambda: made.in_jpeg(made.segment(0xDB, bytes(65) * 1000) * 100), RED
    ),
    "JPEG with 400,000 Photoshop resources": File(
        lambda: made.in_jpeg(
            made.segment(0xED, b"Photoshop 3.0\0" + (b"8BIM" + bytes(8)) * 5400) * 75
        ),
        RED,
    ),
    "JPEG with Exif data of 6 MB": File(
        lambda: made.in_exif(made.exif_of(65_535, 300, 6 * MEGABYTE)), RED
    ),
    "JPEG with 4,000,000 comments": File(
        lambda: made.in_jpeg(made.segment(0xFE) * 4 * MEGABYTE), TOO_LARGE
    ),
    "JPEG with a multi-picture index that overlaps": File(
        lambda: made.in_jpeg(made.segment(0xE2, b"MPF\0" + made.exif_of(5000, 60_000, 65_000))), RED
    ),
    "GIF screen of 65,535²": File(lambda: made.gif((65535, 65535), (16, 16)), TOO_LARGE),
    "GIF frame beyond its screen": File(lambda: made.gif((1, 1), (65535, 65535)), TOO_LARGE),
    "GIF with 19 MB of clear codes": File(
        lambda: made.gif((16, 16), (16, 16), sub_blocks(b"\x24\x49\x92")), CORRUPT
    ),
    "GIF with 19 MB for one pixel": File(
        lambda: made.gif((1, 1), (1, 1), sub_blocks(b"\x44")), RED
    ),
    "GIF with a million comments": File(
        lambda: made.in_gif(b"\x21\xfe" + b"\x01x" * MEGABYTE + b"\0"), RED
    ),
    "WebP of 27 MP in 1 KB": File(lossless_webp, TOO_LARGE),
    "WebP canvas smaller than its frame": File(
        lambda: made.riff([made.webp_canvas(16, 16), made.webp_frame(lossless_webp())]), CORRUPT
    ),
    "WebP canvas larger than its frame": File(
        lambda: made.riff([made.webp_canvas(16384, 16384), made.webp_frame(made.WEBP)]), CORRUPT
    ),
    "WebP animation on a canvas of 268 MP": File(
        lambda: _animated_webp((16384, 16384), (16, 16, made.webp_frame(made.WEBP))), CORRUPT
    ),
    "WebP animation with a frame beyond its canvas": File(
        lambda: _animated_webp((16, 16), (SIDE, SIDE, made.webp_frame(lossless_webp()))), CORRUPT
    ),
    "WebP animation with a frame larger than it says": File(
        lambda: _animated_webp((16, 16), (16, 16, made.webp_frame(lossless_webp()))), CORRUPT
    ),
    "WebP animation of 100,000 frames": File(
        lambda: _animated_webp((16, 16), *[(16, 16, made.webp_frame(made.WEBP))] * 100_000), RED
    ),
    "WebP with 500,000 chunks": File(
        lambda: made.riff(
            [made.webp_canvas(16, 16), made.webp_frame(made.WEBP), *[(b"abcd", b"")] * 500_000]
        ),
        RED,
    ),
    "WebP with a profile of 19 MB": File(
        lambda: made.riff(
            [made.webp_canvas(16, 16), (b"ICCP", bytes(BODY)), made.webp_frame(made.WEBP)]
        ),
        RED,
    ),
    "AVIF of 27 MP in 1 KB": File(
        lambda: Avif(frame(SIDE, SIDE), (SIDE, SIDE)).encoded(), TOO_LARGE
    ),
    "AVIF of 27 MP that says it has 64 × 64": File(
        lambda: Avif(frame(SIDE, SIDE), (64, 64)).encoded(), RED
    ),
    "AVIF with 5,000 Exif tags": File(avif_with_tags, RED),
    "WebP with 65,535 Exif tags": File(
        lambda: save(red(16, 16), "WEBP", exif=made.exif_of(65_535, 300, BODY)), RED
    ),
    "AVIF with 60,000 items": File(
        lambda: Avif(frame(64, 64), (64, 64), items=60_000).encoded(), TOO_LARGE
    ),
    "AVIF with 500 million pieces of nothing": File(pieces_of_nothing, CORRUPT),
    "AVIF with a million references": File(
        lambda: Avif(frame(64, 64), (64, 64), references=MEGABYTE).encoded(), RED
    ),
}


def _jpeg_of(width: int, height: int) -> bytes:
    """A JPEG whose header says another size."""
    start = made.JPEG.index(b"\xff\xc0") + 5
    return made.JPEG[:start] + struct.pack(">HH", height, width) + made.JPEG[start + 4 :]


def _animated_webp(canvas: tuple[int, int], *frames: tuple[int, int, made.Chunk]) -> bytes:
    return made.riff([made.webp_canvas(*canvas, animated=True), *made.webp_animation(frames)])


ODD_BUT_HONEST: dict[str, File] = {
    "MPO, as phones write": File(lambda: animation("MPO"), RED),
    "JPEG with a film behind it, as phones write": File(
        lambda: made.JPEG + random.Random(1).randbytes(8 * MEGABYTE), RED
    ),
    "animated GIF": File(lambda: animation("GIF"), RED),
    "animated PNG": File(lambda: animation("PNG"), RED),
    "animated WebP": File(lambda: animation("WEBP", lossless=True), RED),
    "animated AVIF": File(lambda: animation("AVIF"), RED),
    "turned by its Exif data": File(lambda: save(red(16, 8), "JPEG", exif=exif(6)), RED),
    "JPEG and ZIP": File(lambda: made.JPEG + zip_file(), RED),
    "JPEG with a PDF in it": File(
        lambda: made.in_jpeg(made.segment(0xFE, b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF")), RED
    ),
    "GIF and JavaScript": File(
        lambda: made.in_gif(b"\x21\xfe%c*/=1;alert(1)//\0" % 15) + b"*/alert(1)", RED
    ),
    "PNG and HTML": File(
        lambda: made.in_png(made.chunk(b"tEXt", b"k\0<script>alert(1)</script>")) + b"<html>", RED
    ),
    "PDF with a JPEG in it": File(lambda: b"%PDF-1.7\n" + made.JPEG, UNSUPPORTED),
    "ZIP with a JPEG behind it": File(lambda: zip_file() + made.JPEG, UNSUPPORTED),
    "HTML": File(lambda: b"<!DOCTYPE html><img src=x onerror=alert(1)>", UNSUPPORTED),
    "SVG with an entity bomb": File(
        lambda: b'<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>', UNSUPPORTED
    ),
    "TIFF": File(lambda: save(red(16, 16), "TIFF"), UNSUPPORTED),
    "BMP": File(lambda: save(red(16, 16), "BMP"), UNSUPPORTED),
    "pickle": File(lambda: b"\x80\x04cos\nsystem\n(S'true'\ntR.", UNSUPPORTED),
    "only the start of a JPEG": File(lambda: b"\xff\xd8", UNSUPPORTED),
    "19 MB of zeros": File(lambda: bytes(BODY), UNSUPPORTED),
}

FILES = {**BOMBS, **ODD_BUT_HONEST}
