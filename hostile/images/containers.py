"""Files put together by hand from the parts of their formats."""

import struct
import zlib
from collections.abc import Iterable

from harness.toys import RED, encoded

JPEG, PNG, GIF, WEBP, AVIF = (
    encoded(RED, (16, 16), name) for name in ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
)
"""Small red images, to which other parts can be added."""

PNG_START = b"\x89PNG\r\n\x1a\n"

_PNG_HEADER_END = 33
_GIF_HEADER_END = 13
_GIF_FLAGS = 10


def segment(marker: int, content: bytes = b"") -> bytes:
    """A segment of a JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def chunk(name: bytes, content: bytes = b"") -> bytes:
    """A chunk of a PNG."""
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png_header(width: int, height: int, *, depth: int = 8, colour_type: int = 2) -> bytes:
    """The first chunk of a PNG."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))


def png(header: bytes, *data: bytes) -> bytes:
    """A PNG of a header and chunks of data."""
    chunks = b"".join(chunk(b"IDAT", each) for each in data)
    return PNG_START + header + chunks + chunk(b"IEND")


def black_png(width: int, height: int) -> bytes:
    """A PNG of one bit a pixel, all zeros, compressed as far as it goes."""
    row = bytes(1 + (width + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return png(png_header(width, height, depth=1, colour_type=0), data)


def in_jpeg(filling: bytes, jpeg: bytes = JPEG) -> bytes:
    """A JPEG with more bytes after its start."""
    return jpeg[:2] + filling + jpeg[2:]


def in_png(filling: bytes) -> bytes:
    """A PNG with more bytes after its first chunk."""
    return PNG[:_PNG_HEADER_END] + filling + PNG[_PNG_HEADER_END:]


def in_texts(kind: bytes, head: bytes, count: int, text: bytes = bytes(2**20)) -> bytes:
    """A PNG with the same compressed text many times."""
    packed = head + zlib.compress(text, 9)
    return in_png(b"".join(chunk(kind, b"k%d" % number + packed) for number in range(count)))


def in_exif(data: bytes) -> bytes:
    """A JPEG with Exif data in as many segments as it needs."""
    pieces = (data[start : start + 65_000] for start in range(0, len(data), 65_000))
    return in_jpeg(b"".join(segment(0xE1, b"Exif\0\0" + piece) for piece in pieces))


def in_gif(filling: bytes) -> bytes:
    """A GIF with more bytes before its image."""
    flags = GIF[_GIF_FLAGS]
    start = _GIF_HEADER_END + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    return GIF[:start] + filling + GIF[start:]


def gif(
    screen: tuple[int, int], frame: tuple[int, int], data: bytes = b"", before: bytes = b""
) -> bytes:
    """A GIF of two colours with this image data, and these bytes before it."""
    header = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + b"\xff\0\0\0\0\0"
    return (
        header + before + b"\x2c" + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02" + data + b"\0;"
    )


Chunk = tuple[bytes, bytes]


def riff(chunks: Iterable[Chunk]) -> bytes:
    """A WebP of chunks, each a name and its content."""
    body = b"WEBP" + b"".join(_riff_chunk(*each) for each in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_canvas(width: int, height: int, *, animated: bool = False) -> Chunk:
    """The chunk with the size of an extended WebP."""
    return b"VP8X", bytes((2 * animated, 0, 0, 0)) + _u24(width - 1) + _u24(height - 1)


def webp_frame(webp: bytes) -> Chunk:
    """The frame of a plain WebP."""
    return webp[12:16], webp[20 : 20 + int.from_bytes(webp[16:20], "little")]


def webp_animation(frames: Iterable[tuple[int, int, Chunk]]) -> list[Chunk]:
    """The chunks of an animation: of each frame its claimed size and the frame itself."""
    shown = (
        bytes(6) + _u24(width - 1) + _u24(height - 1) + bytes(4) + _riff_chunk(*frame)
        for width, height, frame in frames
    )
    return [(b"ANIM", bytes(6)), *((b"ANMF", each) for each in shown)]


def exif_of(entries: int, size: int, length: int) -> bytes:
    """Exif data with many tags, each of so many bytes; all tags point to the same ones."""
    tags = b"".join(struct.pack(">HHLL", tag, 7, size, 8) for tag in range(1, entries + 1))
    return (b"MM\0*\0\0\0\x08" + struct.pack(">H", entries) + tags).ljust(length, b"\0")


def _riff_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _u24(number: int) -> bytes:
    return struct.pack("<I", number)[:3]
