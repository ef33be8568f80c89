"""The frames inside an AVIF file: how many, and how large they really are.

What the header of an AVIF says (the property ``ispe``) is the size that the decoded frames
are scaled to. The size they are coded in, which a decoder allocates and works through,
stands in the sequence header of each AV1 bitstream. Here every bitstream that the file's
index names is walked over, unit by unit, without decoding anything.

Sources: ISO/IEC 14496-12 (boxes, 8.11.3 ``iloc``, 8.7 ``stsz`` and ``stco``), and the AV1
Bitstream Specification 1.0.0 (5.3 units, 5.5 sequence header, 5.9.2 frame header).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from errors import CorruptImage, UnsupportedImage

MAX_BOXES = 2048
"""Boxes of an AVIF. A photograph has about thirty, its tiles share their properties."""

MAX_INDEX_BYTES = 128 * 1024
"""Of the tables that name items and samples: decoders search them in quadratic time. A
hundred tiles, or an animation of some thousand frames, need a few dozen kilobytes."""

MAX_UNITS = 4096
"""Units of all bitstreams together. A still image has three, one for each tile beside it."""

Size = tuple[int, int]

_BRANDS = re.compile(rb"....ftyp(?:avi[fs]|mif1|msf1)", re.DOTALL)
_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"iprp", b"ipco"})
_INDEXES = frozenset(
    {b"iinf", b"iloc", b"iref", b"ipma", b"stco", b"co64", b"stsc", b"stsz", b"stts", b"stss"}
)
_DEPTH = 5  # of moov/trak/mdia/minf/stbl/…
_IN_FILE, _IN_IDAT = 0, 1  # construction methods of an item

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6  # types of units
_KEY_FRAME, _SWITCH_FRAME = 0, 3
_LAST_LEVEL_WITHOUT_TIER = 7
_SELECT = 2  # SELECT_SCREEN_CONTENT_TOOLS and SELECT_INTEGER_MV
_HEADER_BYTES = 512  # the longest sequence header has 32 operating points of some 90 bits


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
        UnsupportedImage: it names no frame that is coded in AV1.
    """
    try:
        file = memoryview(encoded)
        boxes = list(_bounded_boxes(file))
        streams = [*_items(file, boxes), *_first_samples(file, boxes)]
        units = _Units()
        sizes = [size for stream in streams for size in units.frames(stream)]
    except (IndexError, ValueError) as error:
        raise CorruptImage("the AVIF's index is damaged") from error
    if not sizes:
        raise UnsupportedImage("not an image in a supported format (AVIF without an AV1 frame)")
    return sizes


def _bounded_boxes(content: memoryview) -> Iterator[_Box]:
    index_bytes = 0
    for count, box in enumerate(_boxes(content), start=1):
        index_bytes += len(box.content) if box.kind in _INDEXES else 0
        if count > MAX_BOXES or index_bytes > MAX_INDEX_BYTES:
            raise CorruptImage("the AVIF's index is too long")
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
    budget = 2 * len(file)  # items may share bytes, but not so many
    for box in boxes:
        if box.kind != b"iloc":
            continue
        for method, extents in _locations(_Reader(box.content)):
            source = {_IN_FILE: file, _IN_IDAT: idat}.get(method, memoryview(b""))
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
        for _ in range(reader.number(2)):
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


class _Units:
    """Walks over AV1 bitstreams, and no farther than any honest ones go."""

    def __init__(self) -> None:
        self._count = 0

    def frames(self, stream: bytes | memoryview) -> Iterator[Size]:
        """The size of each frame."""
        header: _SequenceHeader | None = None
        for kind, content in self._units(stream):
            if kind == _SEQUENCE_HEADER:
                header = _SequenceHeader(_Bits(content))
            elif kind in (_FRAME_HEADER, _FRAME) and header is not None:
                yield header.frame_size(_Bits(content))

    def _units(self, stream: bytes | memoryview) -> Iterator[tuple[int, bytes | memoryview]]:
        """Type and content of each unit."""
        position = 0
        while position < len(stream):
            self._count += 1
            if self._count > MAX_UNITS:
                raise CorruptImage("the AVIF has too many units")
            head = stream[position]
            position += 2 if head & 0b100 else 1
            size = len(stream) - position
            if head & 0b10:
                size, position = _leb128(stream, position)
            yield head >> 3 & 15, stream[position : position + size]
            position += size


class _SequenceHeader:
    """The part of a sequence header on which the size of frames depends."""

    def __init__(self, bits: "_Bits") -> None:
        bits.read(4)  # seq_profile, still_picture
        self._reduced = bool(bits.read(1))
        self._time_bits = 0
        if self._reduced:
            bits.read(5)
        else:
            self._read_operating_points(bits)
        self._width_bits, self._height_bits = bits.read(4) + 1, bits.read(4) + 1
        self._size = bits.read(self._width_bits) + 1, bits.read(self._height_bits) + 1
        if not self._reduced:
            self._read_tools(bits)

    def frame_size(self, bits: "_Bits") -> Size:
        """The size of a frame with this header, or at least the most that it can be."""
        if self._reduced or not self._overrides(bits):
            return self._size
        return 1 << self._width_bits, 1 << self._height_bits

    def _read_operating_points(self, bits: "_Bits") -> None:
        delay_bits = 0
        if bits.read(1):  # timing info
            bits.read(64)
            equal_interval = bits.read(1)
            if equal_interval:
                bits.read_uvlc()
            if bits.read(1):  # decoder model
                delay_bits = bits.read(5) + 1
                bits.read(37)
                time_bits = bits.read(5) + 1
                self._time_bits = 0 if equal_interval else time_bits
        has_display_delay = bits.read(1)
        for _ in range(bits.read(5) + 1):
            bits.read(12)
            if bits.read(5) > _LAST_LEVEL_WITHOUT_TIER:
                bits.read(1)
            if delay_bits and bits.read(1):
                bits.read(2 * delay_bits + 1)
            if has_display_delay and bits.read(1):
                bits.read(4)

    def _read_tools(self, bits: "_Bits") -> None:
        self._id_bits = bits.read(4) + bits.read(3) + 3 if bits.read(1) else 0
        bits.read(7)  # superblocks, intra, compound, warped motion, dual filter
        if bits.read(1):  # order hints
            bits.read(2)
        self._content_tools = _SELECT if bits.read(1) else bits.read(1)
        self._integer_mv = _SELECT
        if self._content_tools:
            self._integer_mv = _SELECT if bits.read(1) else bits.read(1)

    def _overrides(self, bits: "_Bits") -> bool:
        """Whether the frame has a size of its own."""
        if bits.read(1):  # shows one that was decoded before
            return False
        kind, shown = bits.read(2), bits.read(1)
        bits.read(self._time_bits if shown else 1)
        if kind != _SWITCH_FRAME and not (kind == _KEY_FRAME and shown):
            bits.read(1)
        bits.read(1)
        tools = bits.read(1) if self._content_tools == _SELECT else self._content_tools
        if tools and self._integer_mv == _SELECT:
            bits.read(1)
        bits.read(self._id_bits)
        return kind == _SWITCH_FRAME or bool(bits.read(1))


class _Bits:
    """Reads bits, the highest first.

    Args:
        content: of a unit, of which no more than a header is looked at.
    """

    def __init__(self, content: bytes | memoryview) -> None:
        head = content[:_HEADER_BYTES]
        self._value = int.from_bytes(head, "big")
        self._left = 8 * len(head)

    def read(self, count: int) -> int:
        """The next bits as a number."""
        self._left -= count
        if self._left < 0:
            raise ValueError("the header is cut off")
        return self._value >> self._left & ((1 << count) - 1)

    def read_uvlc(self) -> None:
        """Pass over a number of variable length."""
        zeros = 0
        while not self.read(1):
            zeros += 1
        self.read(zeros)


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


def _leb128(stream: bytes | memoryview, position: int) -> tuple[int, int]:
    """A number in AV1's variable length, and the position behind it."""
    value = 0
    for i in range(8):
        value |= (stream[position + i] & 0x7F) << 7 * i
        if not stream[position + i] & 0x80:
            return value, position + i + 1
    raise ValueError("a unit's length has too many bytes")
