"""Ordinary JPEGs: baseline and progressive, 8 bits, grey or three channels, Huffman coded.

Only files that keep the grammar (ITU-T T.81, annex B) are ordinary: segments follow each other
without a byte between them, and within a scan only ``00`` or a restart number follows ``FF``. In
other files libjpeg skips bytes, and may find other parts than this reader does.
"""

import itertools
import re
from struct import Struct
from typing import NamedTuple

from preprocessing.ordinary.exif import orientation_of
from preprocessing.ordinary.image import NotOrdinary, OrdinaryImage, must

START = b"\xff\xd8\xff"

MAX_SEGMENTS = 600
"""A colour profile has up to 255; optimised progressive files have two for each scan."""

MAX_TABLE_BYTES = 16 * 1024
"""Of all tables together; eight Huffman and four quantisation tables have 3 KB."""

_END_OF_IMAGE = b"\xff\xd9"
_PROGRESSIVE, _SCAN = 0xC2, 0xDA
_FRAMES = (0xC0, 0xC1, _PROGRESSIVE)
_TABLES = (0xC4, 0xDB, 0xDD)  # Huffman, quantisation, restart interval
_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})
# The metadata that say which colours the channels are.
_COLOUR = {0xE0: b"JFIF\0", 0xEE: b"Adobe"}
_APP1, _EXIF, _XMP = 0xE1, b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_NEEDED = frozenset({_SCAN, *_FRAMES, *_TABLES})
# FF, the marker, and the length of what follows, its own two bytes included.
_HEAD = Struct(">BBH")
_MARKED, _LENGTH_BYTES = 0xFF, 2
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_BITS, _GREY, _COLOURED = 8, 1, 3
# Sampling factors of the first channel; those of the second and third are 1 x 1.
_SAMPLING = (0x11, 0x12, 0x21, 0x22)


class _Segment(NamedTuple):
    marker: int
    content: bytes
    whole: memoryview
    """From the marker to the next one: a scan's data, too."""


def read(encoded: bytes) -> OrdinaryImage:
    """The image.

    Raises:
        NotOrdinary: it is not an ordinary JPEG.
    """
    segments = _segments(encoded)
    kept = [each.whole for each in segments if _is_needed(each)]
    frame, scans = _frame_and_scans(segments)
    tables = sum([len(each.content) for each in segments if each.marker in _TABLES])
    must(tables <= MAX_TABLE_BYTES)
    # Several scans, or a progressive one, are put together in one more pass.
    is_put_together = len(scans) > 1 or frame.marker == _PROGRESSIVE
    return OrdinaryImage(
        format="JPEG",
        content=b"".join([encoded[:2], *kept, _END_OF_IMAGE]),
        width=int.from_bytes(frame.content[3:5], "big"),
        height=int.from_bytes(frame.content[1:3], "big"),
        orientation=_orientation(segments),
        passes=len(scans) + is_put_together,
    )


def _segments(encoded: bytes) -> list[_Segment]:
    """All segments up to the end of the image."""
    found: list[_Segment] = []
    position, size, view = 2, len(encoded), memoryview(encoded)
    while len(found) < MAX_SEGMENTS:
        if encoded.startswith(_END_OF_IMAGE, position):
            return found
        must(position + _HEAD.size <= size)
        mark, marker, length = _HEAD.unpack_from(encoded, position)
        end = content_end = position + 2 + length
        if mark != _MARKED or length < _LENGTH_BYTES or end >= size:
            raise NotOrdinary
        if marker == _SCAN:
            following = _END_OF_SCAN.search(encoded, end)
            if following is None:
                raise NotOrdinary
            end = following.start()
        found.append(_Segment(marker, encoded[position + 4 : content_end], view[position:end]))
        position = end
    raise NotOrdinary


def _is_needed(segment: _Segment) -> bool:
    """Whether pixels depend on it. Raises NotOrdinary for a segment that is not known."""
    marker = segment.marker
    if marker in _NEEDED:
        return True
    must(marker in _METADATA)
    return segment.content.startswith(_COLOUR.get(marker, b"\0no colour"))


def _frame_and_scans(segments: list[_Segment]) -> tuple[_Segment, list[_Segment]]:
    """The one frame, and its scans, which follow it."""
    headers = [each for each in segments if each.marker == _SCAN or each.marker in _FRAMES]
    must(len(headers) > 1 and headers[0].marker in _FRAMES)
    must(all(each.marker == _SCAN for each in headers[1:]))
    frame, *scans = headers
    channels = _channels(frame.content)
    must(all(_is_scan_of(each.content, channels) for each in scans))
    return frame, scans


def _channels(frame: bytes) -> bytes:
    """The identifiers of a frame's channels."""
    must(len(frame) > 6 and frame[0] == _BITS and frame[5] in (_GREY, _COLOURED))  # noqa: PLR2004
    channels, sampling = frame[6::3], frame[7::3]
    must(len(frame) == 6 + 3 * frame[5] and len(set(channels)) == len(channels))
    must(sampling[0] in _SAMPLING and set(sampling[1:]) <= {0x11})
    must(any(frame[1:3]) and any(frame[3:5]))  # height and width
    return channels


def _is_scan_of(scan: bytes, channels: bytes) -> bool:
    count = scan[0] if scan else 0
    named = scan[1 : 1 + 2 * count : 2]
    return (
        len(scan) == 4 + 2 * count
        and 1 <= count <= len(channels)
        and len(set(named)) == count
        and set(named) <= set(channels)
    )


def _orientation(segments: list[_Segment]) -> int:
    """From the metadata before the first scan; Pillow reads no further."""
    heads = itertools.takewhile(lambda each: each.marker != _SCAN, segments)
    metadata = [each.content for each in heads if each.marker == _APP1]
    exif = [each for each in metadata if each.startswith(_EXIF)]
    xmp = [each for each in metadata if each.startswith(_XMP)]
    must(len(exif) <= 1)
    return orientation_of(exif[0] if exif else b"", xmp[-1][len(_XMP) :] if xmp else b"")
