"""Files that two parsers read differently: ours, and that of the decoder.

One of them finds parts that the other does not see. If our parser counts parts to keep a limit, the
decoder may see more of them.
"""

import struct
import zlib
from base64 import b64decode

from harness.images import exif, save
from hostile.images import containers as made
from hostile.images.costly import RED_ROWS, exif_of_numbers, huffman_groups, no_pixels
from hostile.images.files import CORRUPT, TOO_LARGE, UNSUPPORTED, File, red, scans
from hostile.requests.expected import RED

# More than twice the processor time that a request may take.
_SCANS = 2000
_NUMBERS = 2_400_000

_HIDDEN_END = b"\xff\0\0\6\xff\xfe\0\4\xff\xd9"
_NO_MARKER = b"\xff\2\xff\xf0"
_HUGE = 65_535


def _hidden_in_a_scan() -> bytes:
    """Bytes that look like a segment but are not a marker: Pillow gives up, other decoders skip."""
    jpeg = scans(_SCANS, restart_marker_rows=1)
    restart = jpeg.index(b"\xff\xd0") + 2
    return jpeg[:restart] + _NO_MARKER + jpeg[restart:]


def _jpeg_with(frame_field: int, value: int) -> bytes:
    """A JPEG whose frame header says something else."""
    place = made.JPEG.index(b"\xff\xc0") + 4 + frame_field
    return made.JPEG[:place] + bytes([value]) + made.JPEG[place + 1 :]


def _png_of_rows() -> bytes:
    pieces = (bytes([each]) for each in zlib.compress(RED_ROWS))
    return made.png(made.png_header(16, 16), *pieces)


def _gif(junk: bytes) -> bytes:
    """A frame for which Pillow allocates memory before anybody can ask for its size."""
    disposal = b"\x21\xf9\4\x08\0\0\0\0"
    return made.gif((1, 1), (_HUGE, _HUGE), before=junk + disposal)


def _webp_with(exif_data: bytes) -> bytes:
    canvas = (b"VP8X", bytes((8, 0, 0, 0, 15, 0, 0, 15, 0, 0)))
    return made.riff([canvas, made.webp_frame(made.WEBP), (b"EXIF", exif_data)])


def _grid(*cell: int) -> bytes:
    """An AVIF of 256 x 256 in four cells that claim a size."""
    second = GRID.rindex(b"ispe") + 8
    return GRID[:second] + struct.pack(">II", *cell) + GRID[second + 8 :]


GRID = b64decode(
    b"AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAAHhbWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAA"
    b"AAAAAAAAAGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAABWaWxvYwAAAABEAAAFAAEAAAABAAACCQAAAAgAAgAAAAEAAAIR"
    b"AAAALQADAAAAAQAAAhEAAAAtAAQAAAABAAACEQAAAC0ABQAAAAEAAAIRAAAALQAAAJBpaW5mAAAAAAAFAAAAGmluZmUC"
    b"AAAAAAEAAGdyaWRDb2xvcgAAAAAaaW5mZQIAAAEAAgAAYXYwMUNvbG9yAAAAABppbmZlAgAAAQADAABhdjAxQ29sb3IA"
    b"AAAAGmluZmUCAAABAAQAAGF2MDFDb2xvcgAAAAAaaW5mZQIAAAEABQAAYXYwMUNvbG9yAAAAACBpcmVmAAAAAAAAABRk"
    b"aW1nAAEABAACAAMABAAFAAAAmWlwcnAAAABfaXBjbwAAABRpc3BlAAAAAAAAAQAAAAEAAAAAEHBpeGkAAAAAAwgICAAA"
    b"ABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAACAAAAAgAAAAAxhdjFDgSAAAAAAADJpcG1hAAAAAAAAAAUAAQMB"
    b"AgMAAgQEAoUDAAMEBAKFAwAEBAQChQMABQQEAoUDAAAAPW1kYXQAAAEBAQABABIACgk4Gb//YQENBpAyHhFAAQQQQQDB"
    b"tj9ct5S202/tDToiVQR3Co0mOd+HYA=="
)
"""Four cells of 128 x 128, as ``avifenc --grid 2x2`` (libavif 0.11) writes them."""

TWO_READERS: dict[str, File] = {
    "JPEG with FF 00 between its segments": File(lambda: made.in_jpeg(b"\xff\0"), RED),
    "JPEG with 600 fill bytes": File(lambda: made.in_jpeg(b"\xff" * 600), RED),
    "JPEG whose 2,000 scans are behind a hidden end": File(
        lambda: made.in_jpeg(_HIDDEN_END, scans(_SCANS)), TOO_LARGE
    ),
    "JPEG whose 2,000 scans are behind no marker": File(_hidden_in_a_scan, CORRUPT),
    "JPEG of 12 bits": File(lambda: _jpeg_with(0, 12), UNSUPPORTED),
    "JPEG in CMYK": File(lambda: save(red(16, 16).convert("CMYK"), "JPEG"), RED),
    "PNG with a chunk for each byte": File(_png_of_rows, RED),
    "GIF of 65,535² behind a junk byte": File(lambda: _gif(b"\0"), TOO_LARGE),
    "GIF of 65,535² behind an empty block": File(lambda: _gif(b"\x21\xfe\0"), TOO_LARGE),
    "AVIF in four cells": File(lambda: GRID, RED),
    "AVIF in cells that say 32,768 × 64": File(lambda: _grid(32_768, 64), CORRUPT),
    "WebP with Exif data and no canvas": File(
        lambda: made.riff([made.webp_frame(made.WEBP), (b"EXIF", exif(6).tobytes())]), RED
    ),
    # As costly as their formats allow.
    "PNG with 4 MB that give no pixel": File(lambda: no_pixels(4_000_000), RED),
    "PNG turned by 2,400,000 numbers": File(
        lambda: made.in_png(made.chunk(b"eXIf", exif_of_numbers(_NUMBERS))), TOO_LARGE
    ),
    "WebP turned by 2,400,000 numbers": File(
        lambda: _webp_with(exif_of_numbers(_NUMBERS)), TOO_LARGE
    ),
    "WebP with 65,536 groups of Huffman codes": File(lambda: huffman_groups(1024), CORRUPT),
}
