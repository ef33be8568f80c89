"""Files that are small and would keep a decoder busy for very long."""

import struct
import time
import zlib
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from errors import CorruptImage, ImageError, ImageTooLarge
from preprocessing import DecodeLimits, decode
from preprocessing.structure import (
    MAX_EXIF_SEGMENTS,
    MAX_SCANS,
    MAX_SEGMENTS,
    MAX_TABLE_BYTES,
    _jpeg_segments,
    check_structure,
)
from tests.support.toys import encoded

LIMITS = DecodeLimits(max_pixels=25_000_000, max_aspect_ratio=20.0)

# Far more than any of these takes when it is refused, far less than decoding it would.
CPU_SECONDS = 0.3

JPEG, PNG, GIF = (encoded(size=(16, 16), image_format=name) for name in ("JPEG", "PNG", "GIF"))


def segment(marker: int, content: bytes = b"") -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def chunk(name: bytes, content: bytes = b"") -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def after_jpeg_start(filling: bytes) -> bytes:
    return JPEG[:2] + filling + JPEG[2:]


def before_jpeg_end(filling: bytes) -> bytes:
    return JPEG[:-2] + filling + JPEG[-2:]


OWN_SEGMENTS = len(list(_jpeg_segments(JPEG)))
SCAN = segment(0xDA, bytes(10)) + b"data \xff\x00 \xff\xd0 data"


def after_png_header(filling: bytes) -> bytes:
    return PNG[:33] + filling + PNG[33:]


def after_gif_header(filling: bytes) -> bytes:
    table = 13 + (3 << ((GIF[10] & 7) + 1) if GIF[10] & 0x80 else 0)
    return GIF[:table] + filling + GIF[table:]


PROFILE = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1_000_000)))

FLOODS: dict[str, Callable[[int], bytes]] = {
    "JPEG scans": lambda n: before_jpeg_end(SCAN * n),
    "JPEG frames": lambda n: after_jpeg_start(segment(0xC0, bytes(60_000)) * (n // 2000)),
    "JPEG tables": lambda n: after_jpeg_start(segment(0xDB, bytes(65) * 1000) * (n // 2000)),
    "JPEG Exif data": lambda n: after_jpeg_start(
        segment(0xE1, b"Exif\0\0" + bytes(60_000)) * (n // 2000)
    ),
    "JPEG Photoshop resources": lambda n: after_jpeg_start(
        segment(0xED, b"Photoshop 3.0\0" + (b"8BIM" + bytes(8)) * (n // 100))
    ),
    "JPEG comments": lambda n: after_jpeg_start(segment(0xFE) * n),
    "JPEG Exif segments": lambda n: after_jpeg_start(segment(0xE1, b"Exif\0\0" + bytes(10)) * n),
    "JPEG fill bytes": lambda n: after_jpeg_start(b"\xff" * n),
    "PNG private chunks": lambda n: after_png_header(chunk(b"prVt") * n),
    "PNG empty data chunks": lambda n: after_png_header(chunk(b"IDAT") * n),
    "PNG profiles": lambda n: after_png_header(PROFILE * min(n, 1000)),
    "GIF comments": lambda n: after_gif_header(b"\x21\xfe" + (b"\x01x" * n) + b"\0"),
    "GIF extensions": lambda n: after_gif_header(b"\x21\xfe\0" * n),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_refused_at_once(name: str) -> None:
    file = FLOODS[name](500_000)
    started = time.process_time()
    with pytest.raises(CorruptImage):
        decode(file, LIMITS)
    assert time.process_time() - started < CPU_SECONDS


@pytest.mark.parametrize("file", [JPEG, PNG, GIF, encoded(image_format="WEBP"), b"", b"\xff\xd8"])
def test_what_is_no_flood_passes(file: bytes) -> None:
    check_structure(file)


@pytest.mark.parametrize(
    ("part", "limit", "message"),
    [
        (SCAN, MAX_SCANS - 1, "more than 32 scans"),
        (segment(0xFE), MAX_SEGMENTS - OWN_SEGMENTS, "too many parts"),
        (segment(0xE1, b"Exif\0\0"), MAX_EXIF_SEGMENTS, "too much Exif data"),
        (segment(0xDD, bytes(1024)), MAX_TABLE_BYTES // 1024 - 1, "too many tables"),
    ],
    ids=["scans", "segments", "Exif", "tables"],
)
def test_just_as_many_parts_of_a_jpeg_as_allowed_pass(
    part: bytes, limit: int, message: str
) -> None:
    assert check_structure(before_jpeg_end(part * limit)) == []
    with pytest.raises(CorruptImage, match=message):
        check_structure(before_jpeg_end(part * (limit + 1)))


def test_what_follows_a_jpeg_is_not_looked_at() -> None:
    # As phones append a film, in which any two bytes may stand.
    assert check_structure(JPEG + SCAN * 1000) == []


def test_progressive_photographs_with_metadata_pass() -> None:
    buffer = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 1
    image = Image.effect_noise((640, 480), 50).convert("RGB")
    profile = bytes(200_000)  # in four segments
    image.save(buffer, "JPEG", progressive=True, exif=exif, icc_profile=profile)
    assert decode(buffer.getvalue(), LIMITS).size == (640, 480)


def test_data_in_many_chunks_of_usual_size_passes() -> None:
    image = Image.effect_noise((1500, 1500), 80)
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    assert decode(buffer.getvalue(), LIMITS).size == (1500, 1500)


def gif(screen: tuple[int, int], frame: tuple[int, int]) -> bytes:
    """A GIF whose header alone asks for a canvas, with disposal and transparency."""
    header = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + bytes(6)
    control = b"\x21\xf9\x04" + bytes((0b1001, 0, 0, 1)) + b"\0"
    return header + control + b"\x2c" + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\0;"


@pytest.mark.parametrize(
    ("screen", "frame"), [((65535, 65535), (65535, 65535)), ((1, 1), (65535, 65535))]
)
def test_a_gif_is_measured_before_its_canvas_is_made(
    screen: tuple[int, int], frame: tuple[int, int]
) -> None:
    assert check_structure(gif(screen, frame)) == [(65535, 65535)]
    started = time.process_time()
    with pytest.raises(ImageTooLarge):
        decode(gif(screen, frame), LIMITS)
    assert time.process_time() - started < CPU_SECONDS


def test_sizes_that_pillow_itself_tells_are_not_repeated() -> None:
    assert check_structure(PNG) == check_structure(JPEG) == []
    assert check_structure(GIF) == [(16, 16)]


@pytest.mark.parametrize("file", [JPEG, PNG, GIF, encoded(image_format="AVIF")])
def test_no_cut_makes_the_walk_fail(file: bytes) -> None:
    for end in range(len(file)):
        try:
            check_structure(file[:end])
        except ImageError:
            continue
