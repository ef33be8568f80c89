"""Files that take a decoder as much time or memory as their format allows."""

import struct
import zlib
from collections.abc import Iterable

from hostile.images import containers as made

Field = tuple[int, int]  # a number, and how many bits it has


def packed(fields: Iterable[Field]) -> bytes:
    """Bits, the lowest first, as deflate and lossless WebP write them."""
    number = length = 0
    for value, bits in fields:
        number |= value << length
        length += bits
    return number.to_bytes(-(-length // 8), "little")


def no_pixels(length: int) -> bytes:
    """A PNG of 16 x 16 with so many bytes of deflate blocks that build tables and are empty.

    Source: RFC 1951, 3.2.7.
    """
    block = packed([*_empty_block()] * 8)  # eight of them end with a byte
    plain = zlib.compressobj(9)
    rows = plain.compress(RED_ROWS) + plain.flush()
    return made.png(made.png_header(16, 16), rows[:2] + block * (length // len(block)) + rows[2:])


RED_ROWS = (b"\0" + b"\xff\0\0" * 16) * 16

# The order in which the lengths of the code of code lengths come, and those used here.
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3)
_LENGTHS = {16: 1, 4: 3, 5: 3, 8: 3, 9: 3}
_REPEAT = 16
_CODES = {16: 0, 4: 0b001, 5: 0b101, 8: 0b011, 9: 0b111}  # bits reversed, as they are written


def _empty_block() -> list[Field]:
    """286 and 30 codes of 8 and 9, 4 and 5 bits: full tables, for the end of the block alone."""
    lengths = [(8, 226), (9, 60), (4, 2), (5, 28)]
    return [
        *((0, 1), (2, 2), (286 - 257, 5), (30 - 1, 5), (len(_ORDER) - 4, 4)),
        *((_LENGTHS.get(symbol, 0), 3) for symbol in _ORDER),
        *(field for length, count in lengths for field in _run(length, count)),
        (0b010001111, 9),  # 256, the end: 452 + 30, reversed
    ]


def _run(length: int, count: int) -> list[Field]:
    """The same code length several times: once, then repeated six times or fewer at once."""
    fields, left = [(_CODES[length], _LENGTHS[length])], count - 1
    while left >= 3:
        times = min(6, left)
        fields += [(_CODES[_REPEAT], _LENGTHS[_REPEAT]), (times - 3, 2)]
        left -= times
    return fields + [(_CODES[length], _LENGTHS[length])] * left


def huffman_groups(side: int) -> bytes:
    """A lossless WebP of a square that has a group of Huffman codes for each 4 x 4 pixels.

    Source: RFC 9649, 3.7; libwebp makes tables of 9 KB for each group.
    """
    groups = (side // 4) ** 2
    pixels = b"".join(
        _reversed_byte(each & 255) + _reversed_byte(each >> 8) for each in range(groups)
    )
    head = [(0x2F, 8), (side - 1, 14), (side - 1, 14), (0, 6), (1, 1), (0, 3), (0, 1)]
    codes = [*_byte_code(280), *_byte_code(256), *[_NO_CODE] * 3]
    start = "".join(f"{value:0{bits}b}"[::-1] for value, bits in head + codes)
    bits = start + pixels.decode() + "1000" * 5 * groups
    return made.riff([(b"VP8L", int(bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little"))])


_NO_CODE = (1, 4)  # of one symbol, which takes no bit


def _byte_code(symbols: int) -> list[Field]:
    """A code in which the first 256 symbols have eight bits each."""
    order = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8)
    lengths = [(int(each in (0, 8)), 3) for each in order]
    return [(0, 1), (len(order) - 4, 4), *lengths, (0, 1), (2**256 - 1, symbols)]


def _reversed_byte(byte: int) -> bytes:
    return f"{byte:08b}".encode()


def exif_of_numbers(count: int) -> bytes:
    """Exif data with so many fractions for an orientation."""
    entry = struct.pack(">HHLL", 0x0112, 5, count, 26)
    return b"MM\0*\0\0\0\x08\0\1" + entry + bytes(4) + struct.pack(">LL", 1, 1) * count
