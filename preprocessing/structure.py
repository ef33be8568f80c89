"""A look at an encoded image's structure, before a decoder is let loose on it.

Files of a few kilobytes can keep a decoder busy for minutes: with thousands of scans, of
metadata segments or of empty chunks, or with a canvas that is allocated before anybody
asks how large it is. Walking over the structure costs microseconds for real photographs.
"""

from collections.abc import Iterator

from errors import CorruptImage

MAX_SEGMENTS = 512
"""Markers, chunks or blocks before the image data. A profile has up to 255 JPEG segments,
a photograph's metadata a few dozen."""

MAX_SCANS = 100
"""Scans of a JPEG file. Progressive encoders write about ten; phones add a preview or two."""

_BYTES_PER_CHUNK = 1024
"""Image data may come in many chunks, but not of less than this on average."""

_JPEG, _PNG, _GIF = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a")
_MARKER, _START_OF_SCAN = 0xFF, 0xDA
_MARKERS_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_GIF_IMAGE, _GIF_EXTENSION = 0x2C, 0x21
_GIF_FLAGS, _GIF_HEADER = 10, 13


def check_structure(encoded: bytes) -> None:
    """Let pass what a decoder gets through in reasonable time.

    Formats without a rule of their own here (WebP, AVIF) pass.

    Raises:
        CorruptImage: far more parts than any honest file has.
    """
    if encoded.startswith(_JPEG):
        _check_jpeg(encoded)
    elif encoded.startswith(_PNG):
        _check_png(encoded)
    elif encoded.startswith(_GIF):
        _check_count(_gif_blocks(encoded), MAX_SEGMENTS)


def gif_size(encoded: bytes) -> tuple[int, int] | None:
    """Width and height of what a GIF's first frame is painted on; None for other formats.

    Pillow allocates it while opening the file.
    """
    if not encoded.startswith(_GIF):
        return None
    width, height = _number(encoded, 6), _number(encoded, 8)
    *_, last = (0, *_gif_blocks(encoded))
    if encoded[last] == _GIF_IMAGE:
        width = max(width, _number(encoded, last + 1) + _number(encoded, last + 5))
        height = max(height, _number(encoded, last + 3) + _number(encoded, last + 7))
    return width, height


def _check_jpeg(encoded: bytes) -> None:
    _check_count(_jpeg_markers(encoded), MAX_SEGMENTS)
    # Within image data the two bytes cannot stand: FF is followed by 00 there.
    if encoded.count(bytes((_MARKER, _START_OF_SCAN))) > MAX_SCANS:
        raise CorruptImage(f"the JPEG has more than {MAX_SCANS} scans")


def _check_png(encoded: bytes) -> None:
    profiles = 0
    for chunks, position in enumerate(_png_chunks(encoded), start=1):
        profiles += encoded[position + 4 : position + 8] == b"iCCP"
        if profiles > 1 or chunks > MAX_SEGMENTS + len(encoded) // _BYTES_PER_CHUNK:
            raise CorruptImage("the PNG has too many chunks")


def _check_count(parts: Iterator[int], limit: int) -> None:
    for count, _ in enumerate(parts, start=1):
        if count > limit:
            raise CorruptImage("the image has too many parts before its data")


def _jpeg_markers(encoded: bytes) -> Iterator[int]:
    """Positions of the markers up to the first scan; a fill byte counts as one."""
    position = len(_JPEG)
    while position + 4 <= len(encoded):
        yield position
        marker = encoded[position + 1]
        if encoded[position] != _MARKER or marker == _MARKER:
            position += 1
        elif marker == _START_OF_SCAN:
            return
        elif marker in _MARKERS_WITHOUT_LENGTH:
            position += 2
        else:
            position += 2 + int.from_bytes(encoded[position + 2 : position + 4], "big")


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
