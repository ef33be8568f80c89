"""Ordinary PNGs: 8 bits a channel, not interlaced, one picture, no metadata that turns it.

Source: PNG specification, third edition, 5 (chunks) and 11 (their contents).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from preprocessing.ordinary.image import NotOrdinary, OrdinaryImage, must

START = b"\x89PNG\r\n\x1a\n"

FREE_CHUNKS, BYTES_PER_CHUNK = 64, 1024
"""Chunks that a file may have. Pillow spends microseconds on each, so there may not be many small
ones."""

# A letter for each chunk: those that pixels depend on, with metadata (m) between them. Each m can
# be matched in one way only: with m*m*m* a file that has no D would take minutes.
_ORDER = re.compile(r"Hm*(?:(P)m*)?(?:(T)m*)?D+m*E")
_LETTERS = {b"IHDR": "H", b"PLTE": "P", b"tRNS": "T", b"IDAT": "D", b"IEND": "E"}
_METADATA = frozenset(
    {b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"bKGD", b"tIME", b"sBIT", b"hIST", b"iCCP", b"tEXt"}
)
# Some programs write Exif data or XMP packets, which turn the picture, as text.
_TURNING_TEXTS = (b"Raw profile", b"XML:com.adobe.xmp")
_WITH_PALETTE, _WITH_ALPHA = 3, (4, 6)
_COLOUR_TYPES = (0, 2, _WITH_PALETTE, *_WITH_ALPHA)
_FRAME_BYTES = 12  # of a chunk: length, kind, checksum


class _Chunk(NamedTuple):
    kind: bytes
    content: bytes
    whole: bytes


def read(encoded: bytes) -> OrdinaryImage:
    """The image.

    Raises:
        NotOrdinary: it is not an ordinary PNG.
    """
    chunks = list(_chunks(encoded))
    order = _ORDER.fullmatch("".join(map(_letter, chunks)))
    if order is None:
        raise NotOrdinary
    header = chunks[0].content
    _check_layout(header[8:], bool(order[1]), bool(order[2]))
    return OrdinaryImage(
        format="PNG",
        content=START + b"".join(each.whole for each in chunks if each.kind in _LETTERS),
        width=int.from_bytes(header[:4], "big"),
        height=int.from_bytes(header[4:8], "big"),
    )


def _chunks(encoded: bytes) -> Iterator[_Chunk]:
    position, end = len(START), 0
    for _ in range(FREE_CHUNKS + len(encoded) // BYTES_PER_CHUNK):
        length = int.from_bytes(encoded[position : position + 4], "big")
        end = position + _FRAME_BYTES + length
        must(end <= len(encoded))
        kind = encoded[position + 4 : position + 8]
        yield _Chunk(kind, encoded[position + 8 : end - 4], encoded[position:end])
        if kind == b"IEND":
            return
        position = end
    raise NotOrdinary


def _letter(chunk: _Chunk) -> str:
    if chunk.kind in _METADATA:
        must(chunk.kind != b"tEXt" or not chunk.content.startswith(_TURNING_TEXTS))
        return "m"
    return _LETTERS.get(chunk.kind, "?")


def _check_layout(layout: bytes, has_palette: bool, has_colour_key: bool) -> None:
    """Bits, colour type, and three zeros: the only compression and filter, no interlace."""
    must(len(layout) == 5 and layout[0] == 8 and layout[2:] == bytes(3))  # noqa: PLR2004
    colour_type = layout[1]
    must(colour_type in _COLOUR_TYPES)
    must(has_palette or colour_type != _WITH_PALETTE)
    must(not (has_colour_key and colour_type in _WITH_ALPHA))
