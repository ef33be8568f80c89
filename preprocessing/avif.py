"""The frames inside an AVIF file: how many, and how large they really are.

What the header of an AVIF says (the property ``ispe``) is the size that the decoded frames
are scaled to. The size they are coded in, which a decoder allocates and works through,
stands in the sequence header of each AV1 bitstream. Here every bitstream that the file's
index names is found and walked over, without decoding anything.

Source: ISO/IEC 14496-12 (boxes; 8.11.3 ``iloc``; 8.7 ``stsz`` and ``stco``).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from errors import CorruptImage, UnsupportedImage
from preprocessing.av1 import Size, Units
from preprocessing.exif import MAX_BYTES, has_too_many_tags, is_exif

MAX_BOXES = 2048
"""Boxes of an AVIF. A photograph has about thirty, its tiles share their properties."""

MAX_INDEX_BYTES = 128 * 1024
"""Of the tables that name items and samples: decoders search them in quadratic time. A
hundred tiles, or an animation of some thousand frames, need a few dozen kilobytes."""

MAX_EXTENTS = 4096
"""Pieces of all items together, usually one each; their numbers may be coded in no bytes."""

_TOO_LONG = "the AVIF's index is too long"
_EXIF_OFFSET = 4  # of the TIFF header in an item, ISO/IEC 23008-12, A.2.1
_BRAND = slice(8, 12)
_CONTAINER_BRANDS = (b"mif1", b"msf1")  # of files with pictures of any kind
_BRANDS = re.compile(rb"....ftyp(?:avi[fs]|mif1|msf1)", re.DOTALL)
_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"iprp", b"ipco"})
_INDEXES = frozenset(
    {b"iinf", b"iloc", b"iref", b"ipma", b"stco", b"co64", b"stsc", b"stsz", b"stts", b"stss"}
)
_DEPTH = 5  # of moov/trak/mdia/minf/stbl/…
_IN_FILE, _IN_IDAT = 0, 1  # construction methods of an item


@dataclass(frozen=True)
class _Box:
    kind: bytes
    content: memoryview


def is_avif(encoded: bytes) -> bool:
    """Whether Pillow would take it for one."""
    return _BRANDS.match(encoded) is not None


def frame_sizes(encoded: bytes) -> list[Size]:
    """Width and height of every coded frame: of the image, its transparency, its tiles.

    Of an animation, those of the first picture.

    Raises:
        CorruptImage: the index is damaged, or longer than any honest one.
        UnsupportedImage: the file has pictures of another kind, such as HEIC.
    """
    try:
        file = memoryview(encoded)
        boxes = list(_bounded_boxes(file))
        streams = [*_items(file, boxes), *_first_samples(file, boxes)]
        units = Units()
        for stream in streams:
            _check_exif(stream[_EXIF_OFFSET:])
        sizes = [size for stream in streams for size in units.frames(stream)]
    except (IndexError, ValueError) as error:
        raise CorruptImage("the AVIF's index is damaged") from error
    if not sizes and encoded[_BRAND] in _CONTAINER_BRANDS:
        raise UnsupportedImage("not an image in a supported format (AVIF without an AV1 frame)")
    if not sizes:
        raise CorruptImage("the AVIF's index is cut off")
    return sizes


def _check_exif(content: bytes | memoryview) -> None:
    """Pillow reads Exif data while it opens the file, and writes what it has read."""
    if is_exif(content) and (len(content) > MAX_BYTES or has_too_many_tags(content)):
        raise CorruptImage("the AVIF has too much Exif data")


def _bounded_boxes(content: memoryview) -> Iterator[_Box]:
    index_bytes = 0
    for count, box in enumerate(_boxes(content), start=1):
        index_bytes += len(box.content) if box.kind in _INDEXES else 0
        if count > MAX_BOXES or index_bytes > MAX_INDEX_BYTES:
            raise CorruptImage(_TOO_LONG)
        yield box


def _boxes(content: memoryview, depth: int = 0) -> Iterator[_Box]:
    """A sequence of boxes, each followed by those inside it."""
    position = 0
    while position + 8 <= len(content):
        start, size = 8, _number(content, position, 4)
        if size == 1:
            start, size = 16, _number(content, position + 8, 8)
        end = position + size if size else len(content)
        if end < position + start or end > len(content):
            return
        kind = bytes(content[position + 4 : position + 8])
        inside = content[position + start : end]
        yield _Box(kind, inside)
        if kind in _PARENTS | {b"meta"} and depth < _DEPTH:
            yield from _boxes(inside[4:] if kind == b"meta" else inside, depth + 1)
        position = end


def _items(file: memoryview, boxes: list[_Box]) -> Iterator[bytes | memoryview]:
    """What the items of a file consist of."""
    (idat,) = [box.content for box in boxes if box.kind == b"idat"] or [memoryview(b"")]
    pieces = 0
    budget = 2 * len(file)  # items may share bytes, but not so many
    for box in boxes:
        if box.kind != b"iloc":
            continue
        for method, extents in _locations(_Reader(box.content)):
            source = {_IN_FILE: file, _IN_IDAT: idat}.get(method, memoryview(b""))
            pieces += len(extents)
            if pieces > MAX_EXTENTS:
                raise CorruptImage(_TOO_LONG)
            parts = [source[offset : offset + length] for offset, length in extents]
            budget -= sum(map(len, parts))
            if budget < 0:
                raise CorruptImage("the AVIF's items overlap")
            yield parts[0] if len(parts) == 1 else b"".join(parts)


def _locations(reader: "_Reader") -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Construction method and extents, each with offset and length, of every item."""
    version = reader.number(4) >> 24
    sizes = reader.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    id_size = 4 if version > 1 else 2
    for _ in range(reader.number(id_size)):
        reader.number(id_size)
        method = reader.number(2) & 15 if version else _IN_FILE
        reader.number(2)
        base = reader.number(base_size)
        extents = []
        count = reader.number(2)
        if count > MAX_EXTENTS:
            raise CorruptImage(_TOO_LONG)
        for _ in range(count):
            reader.number(index_size)
            offset = base + reader.number(offset_size)
            extents.append((offset, reader.number(length_size)))
        yield method, extents


def _first_samples(file: memoryview, boxes: list[_Box]) -> Iterator[memoryview]:
    """The first sample of every track."""
    for box in boxes:
        if box.kind == b"stbl":
            tables = list(_boxes(box.content))
            (offsets,) = [table for table in tables if table.kind in (b"stco", b"co64")]
            (sizes,) = [table.content for table in tables if table.kind == b"stsz"]
            offset = _number(offsets.content, 8, 4 if offsets.kind == b"stco" else 8)
            size = _number(sizes, 4, 4) or _number(sizes, 12, 4)
            yield file[offset : offset + size]


class _Reader:
    """Reads numbers of some bytes, the highest first."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._position = 0

    def number(self, size: int) -> int:
        """The next number."""
        self._position += size
        return _number(self._content, self._position - size, size)


def _number(content: memoryview, position: int, size: int) -> int:
    if position + size > len(content):
        raise ValueError("the table is cut off")
    return int.from_bytes(content[position : position + size], "big")
