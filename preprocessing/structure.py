"""A look at an encoded image's structure, before a decoder is let loose on it.

Files of a few kilobytes can keep a decoder busy for minutes: with thousands of scans, of
metadata segments or of empty chunks, with a canvas that is allocated before anybody asks
how large it is, or with frames larger than the header says. Walking over the structure
costs microseconds for real photographs.
"""

import re
from collections.abc import Iterator
from itertools import islice

from errors import CorruptImage
from preprocessing import avif

MAX_SEGMENTS = 512
"""Markers, chunks or blocks. A profile has up to 255 JPEG segments, a photograph's metadata
a few dozen."""

MAX_SCANS = 32
"""Scans of a JPEG, each of which goes over the whole image. Progressive encoders write ten."""

MAX_TABLE_BYTES = 16 * 1024
"""Of a JPEG's segments other than metadata: eight Huffman tables, four of quantization."""

MAX_EXIF_SEGMENTS = 4
"""Of a JPEG: Pillow joins them, one is what there should be."""

Size = tuple[int, int]

_BYTES_PER_CHUNK = 1024
"""Image data may come in many chunks, but not of less than this on average."""

_JPEG, _PNG, _GIF = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a")
_START = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBPVP8[ LX]", re.DOTALL)
_MARKER, _START_OF_SCAN, _END_OF_IMAGE, _EXIF_MARKER = 0xFF, 0xDA, 0xD9, 0xE1
_MARKERS_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_METADATA_MARKERS = frozenset({*range(0xE0, 0xF0), 0xFE})
# Within a scan FF is followed by 00, or by the number of a restart.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_EXIF, _PHOTOSHOP_RESOURCE = b"Exif\0\0", b"8BIM"
_GIF_IMAGE, _GIF_EXTENSION = 0x2C, 0x21
_GIF_FLAGS, _GIF_HEADER = 10, 13


def begins_like_an_image(encoded: bytes) -> bool:
    """Whether the first bytes are those of one of the formats."""
    return bool(_START.match(encoded)) or avif.is_avif(encoded)


def check_structure(encoded: bytes) -> list[Size]:
    """Let pass what a decoder gets through in reasonable time.

    WebP passes: libwebp itself compares its frames with its canvas.

    Returns:
        Widths and heights of what a decoder will allocate or work through, apart from what
        Pillow says of the image when it has opened it: a GIF's canvas, an AVIF's frames.

    Raises:
        CorruptImage: far more parts than any honest file has.
        UnsupportedImage: a file of AVIF's kind with something else in it.
    """
    if encoded.startswith(_JPEG):
        _check_jpeg(encoded)
    elif encoded.startswith(_PNG):
        _check_png(encoded)
    elif encoded.startswith(_GIF):
        return [_gif_canvas(encoded)]
    elif avif.is_avif(encoded):
        return avif.frame_sizes(encoded)
    return []


def _gif_canvas(encoded: bytes) -> Size:
    """What a GIF's first frame is painted on: Pillow allocates it while opening the file."""
    blocks = list(islice(_gif_blocks(encoded), MAX_SEGMENTS + 1))
    _check_count(len(blocks))
    last = blocks[-1] if blocks else 0
    width, height = _number(encoded, 6), _number(encoded, 8)
    if encoded[last] == _GIF_IMAGE:
        width = max(width, _number(encoded, last + 1) + _number(encoded, last + 5))
        height = max(height, _number(encoded, last + 3) + _number(encoded, last + 7))
    return width, height


def _check_jpeg(encoded: bytes) -> None:
    scans = table_bytes = exif_segments = 0
    for count, (marker, content) in enumerate(_jpeg_segments(encoded), start=1):
        _check_count(count + content.count(_PHOTOSHOP_RESOURCE))
        scans += marker == _START_OF_SCAN
        table_bytes += 0 if marker in _METADATA_MARKERS else len(content)
        exif_segments += marker == _EXIF_MARKER and content.startswith(_EXIF)
        if scans > MAX_SCANS:
            raise CorruptImage(f"the JPEG has more than {MAX_SCANS} scans")
        if table_bytes > MAX_TABLE_BYTES or exif_segments > MAX_EXIF_SEGMENTS:
            raise CorruptImage("the JPEG has too many tables or too much Exif data")


def _check_png(encoded: bytes) -> None:
    profiles = 0
    for chunks, position in enumerate(_png_chunks(encoded), start=1):
        profiles += encoded[position + 4 : position + 8] == b"iCCP"
        if profiles > 1 or chunks > MAX_SEGMENTS + len(encoded) // _BYTES_PER_CHUNK:
            raise CorruptImage("the PNG has too many chunks")


def _check_count(parts: int) -> None:
    if parts > MAX_SEGMENTS:
        raise CorruptImage("the image has too many parts")


def _jpeg_segments(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of every segment of the first image; a fill byte counts as one."""
    position = len(_JPEG)
    while position + 4 <= len(encoded):
        marker = encoded[position + 1]
        if encoded[position] != _MARKER or marker == _MARKER:
            position += 1
            yield _MARKER, b""
        elif marker == _END_OF_IMAGE:
            return
        elif marker in _MARKERS_WITHOUT_LENGTH:
            position += 2
            yield marker, b""
        else:
            length = int.from_bytes(encoded[position + 2 : position + 4], "big")
            yield marker, encoded[position + 4 : position + 2 + length]
            position += 2 + length
            if marker == _START_OF_SCAN:
                following = _END_OF_SCAN.search(encoded, position)
                position = following.start() if following else len(encoded)


def _png_chunks(encoded: bytes) -> Iterator[int]:
    """Positions of the chunks: each is length, type, content, checksum."""
    position = len(_PNG)
    while position + 8 <= len(encoded):
        yield position
        position += 12 + int.from_bytes(encoded[position : position + 4], "big")


def _gif_blocks(encoded: bytes) -> Iterator[int]:
    """Positions of the blocks and their sub-blocks, up to and with the first image."""
    flags = int.from_bytes(encoded[_GIF_FLAGS : _GIF_FLAGS + 1], "big")
    position = _GIF_HEADER + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while position + 9 < len(encoded):
        yield position
        if encoded[position] != _GIF_EXTENSION:
            return
        position += 2
        while position < len(encoded) and encoded[position]:
            yield position
            position += 1 + encoded[position]
        position += 1


def _number(encoded: bytes, position: int) -> int:
    """GIF's 16-bit little-endian numbers."""
    return int.from_bytes(encoded[position : position + 2], "little")
