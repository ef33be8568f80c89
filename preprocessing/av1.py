"""How large the frames of an AV1 bitstream are, read from its headers.

Source: AV1 Bitstream Specification 1.0.0 (5.3 units, 5.5 sequence header, 5.9.2 frame
header).
"""

from collections.abc import Iterator

from errors import CorruptImage

MAX_UNITS = 4096
"""Units of all bitstreams together. A still image has three, one for each tile beside it."""

Size = tuple[int, int]

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6  # types of units
_KEY_FRAME, _SWITCH_FRAME = 0, 3
_LAST_LEVEL_WITHOUT_TIER = 7
_SELECT = 2  # SELECT_SCREEN_CONTENT_TOOLS and SELECT_INTEGER_MV
_HEADER_BYTES = 512  # the longest sequence header has 32 operating points of some 90 bits


class Units:
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


def _leb128(stream: bytes | memoryview, position: int) -> tuple[int, int]:
    """A number in AV1's variable length, and the position behind it."""
    value = 0
    for i in range(8):
        value |= (stream[position + i] & 0x7F) << 7 * i
        if not stream[position + i] & 0x80:
            return value, position + i + 1
    raise ValueError("a unit's length has too many bytes")
