"""What is recognised as ordinary is what Pillow sees in the whole file, whatever its bytes."""

import re
import struct
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.images import exif, save, textured
from hostile.images.containers import PNG_START, chunk, segment
from hostile.properties import recognised

pytestmark = pytest.mark.filterwarnings("ignore")


def parts_of(file: bytes) -> list[bytes]:
    """The start of a sound JPEG, PNG or WebP, then its segments or chunks."""
    if file.startswith(b"\xff\xd8"):
        markers = re.finditer(rb"\xff[\xc0-\xcf\xd9-\xfe]", file)
        starts = [0, *_without_those_inside(file, [each.start() for each in markers])]
    else:
        starts = list(_chunk_starts(file))
    return [file[start:end] for start, end in pairwise([*starts, len(file)])]


def _without_those_inside(file: bytes, markers: list[int]) -> list[int]:
    starts, end = list[int](), 2
    for marker in markers:
        if marker >= end:
            starts.append(marker)
            end = marker + 2 + int.from_bytes(file[marker + 2 : marker + 4], "big")
    return starts


def _chunk_starts(file: bytes) -> Iterator[int]:
    is_png = file.startswith(PNG_START)
    start, position = 0, len(PNG_START) if is_png else 12
    while position < len(file):
        yield start
        start = position
        if is_png:
            position += 12 + int.from_bytes(file[start : start + 4], "big")
        else:
            length = int.from_bytes(file[start + 4 : start + 8], "little")
            position += 8 + length + length % 2
    yield start


PHOTO = textured(24, 16)
FILES = {
    "JPEG": save(PHOTO, "JPEG", exif=exif(6)),
    "progressive JPEG": save(PHOTO, "JPEG", progressive=True),
    "JPEG with restarts": save(PHOTO, "JPEG", restart_marker_blocks=1),
    "grey JPEG": save(PHOTO.convert("L"), "JPEG"),
    "PNG": save(PHOTO, "PNG"),
    "palette PNG": save(PHOTO.convert("P"), "PNG", transparency=3),
    "WebP": save(PHOTO, "WEBP", exif=exif(6)),
}
TURNED = exif(5).tobytes()
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
PARTS = {
    "JPEG": [
        *(parts_of(FILES[name]) for name in FILES if "JPEG" in name),
        [b"", segment(0xE1, TURNED), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)],
        [b"", segment(0xEE, b"Adobe\0d\0\0\0\0\1"), segment(0xDC, b"\0\4"), b"\xff", b"\xff\0"],
    ],
    "PNG": [
        *(parts_of(FILES[name]) for name in FILES if "PNG" in name),
        [b"", chunk(b"eXIf", TURNED[6:]), chunk(b"tEXt", b"XML:com.adobe.xmp\0" + XMP)],
        [b"", chunk(b"IDAT"), chunk(b"tRNS", bytes(6)), chunk(b"acTL", bytes(8))],
    ],
    "WebP": [
        parts_of(FILES["WebP"]),
        parts_of(save(PHOTO, "WEBP", xmp=XMP, icc_profile=bytes(60))),
        parts_of(save(PHOTO.rotate(9), "WEBP")),
    ],
}
PIECES = (b"\xff", b"\0", b"\xff\0", b"\xff\xd9", b"\xff\xd0", b"\xff\xda", b"\xff\x02\0\x08")


@pytest.mark.parametrize("name", FILES)
def test_sound_files_are_recognised(name: str) -> None:
    assert recognised(FILES[name])


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_parts_in_any_order_are_seen_as_pillow_sees_them(data: st.DataObject) -> None:
    files = data.draw(st.sampled_from(list(PARTS.values())))
    start, *parts = data.draw(st.sampled_from(files))
    others = st.sampled_from([part for file in files for part in file[1:]])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(parts)))
        parts[place : place + data.draw(st.integers(0, 1))] = [data.draw(others)]
    content = start + b"".join(parts)
    if content.startswith(b"RIFF"):
        content = b"RIFF" + struct.pack("<I", len(content) - 8) + content[8:]
    recognised(content)


@given(name=st.sampled_from(list(FILES)), data=st.data())
@settings(max_examples=400, deadline=None)
@pytest.mark.slow
def test_damaged_files_are_seen_as_pillow_sees_them(name: str, data: st.DataObject) -> None:
    content = bytearray(FILES[name])
    places = st.integers(0, 60) | st.integers(0, len(content) - 1)
    for place, bit in data.draw(st.lists(st.tuples(places, st.integers(0, 7)), max_size=3)):
        content[place] ^= 1 << bit
    piece = data.draw(st.sampled_from([b"", *PIECES]) | st.binary(max_size=4))
    where = data.draw(places)
    recognised(bytes(content[:where] + piece + content[where:]))
