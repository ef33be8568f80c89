"""Ordinary WebPs: one lossy picture without transparency.

Source: RFC 9649 (the container) and RFC 6386, 9.1 (the header of a VP8 frame).
"""

from collections.abc import Iterator

from preprocessing.ordinary.exif import orientation_of
from preprocessing.ordinary.image import NotOrdinary, OrdinaryImage, must

START = b"RIFF"

MAX_CHUNKS = 8
"""Canvas, profile, frame, Exif data, XMP packet."""

_CANVAS, _FRAME, _EXIF, _XMP = b"VP8X", b"VP8 ", b"EXIF", b"XMP "
_KINDS = frozenset({_CANVAS, b"ICCP", _FRAME, _EXIF, _XMP})
_HEAD_BYTES, _RIFF_BYTES = 8, 12
_ANIMATED, _WITH_ALPHA = 0x02, 0x10
_ANNOUNCED = {_EXIF: 0x08, _XMP: 0x04}
_KEY_FRAME_START = b"\x9d\x01\x2a"
_SIDE = 0x3FFF  # the two bits above scale the picture, which decoders ignore


def read(encoded: bytes) -> OrdinaryImage:
    """The image.

    Raises:
        NotOrdinary: it is not an ordinary WebP.
    """
    must(encoded[8:12] == b"WEBP")
    chunks = dict(_chunks(encoded))
    must(_FRAME in chunks)
    frame = chunks[_FRAME]
    width, height = _size(frame)
    if list(chunks) != [_FRAME]:
        # Decoders look at nothing else in a file that begins with its frame.
        must(next(iter(chunks)) == _CANVAS)
        _check_canvas(chunks[_CANVAS], width, height)
        # Nor at metadata that the canvas does not announce.
        announced = chunks[_CANVAS][0]
        must(all(announced & flag for kind, flag in _ANNOUNCED.items() if kind in chunks))
    body = b"WEBP" + _FRAME + len(frame).to_bytes(4, "little") + frame + b"\0" * (len(frame) % 2)
    return OrdinaryImage(
        format="WEBP",
        content=b"RIFF" + len(body).to_bytes(4, "little") + body,
        width=width,
        height=height,
        orientation=orientation_of(chunks.get(_EXIF, b""), chunks.get(_XMP, b"")),
    )


def _chunks(encoded: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of every chunk, each of which may be there once."""
    end = _HEAD_BYTES + int.from_bytes(encoded[4:8], "little")
    must(end <= len(encoded))
    position, seen = _RIFF_BYTES, set[bytes]()
    for _ in range(MAX_CHUNKS):
        kind = encoded[position : position + 4]
        start = position + _HEAD_BYTES
        length = int.from_bytes(encoded[position + 4 : start], "little")
        must(kind in _KINDS and kind not in seen and start + length <= end)
        seen.add(kind)
        yield kind, encoded[start : start + length]
        position = start + length + length % 2
        if position >= end:
            return
    raise NotOrdinary


def _size(frame: bytes) -> tuple[int, int]:
    must(len(frame) > 10 and frame[3:6] == _KEY_FRAME_START and not frame[0] & 1)  # noqa: PLR2004
    width, height = (int.from_bytes(frame[at : at + 2], "little") for at in (6, 8))
    return width & _SIDE, height & _SIDE


def _check_canvas(canvas: bytes, width: int, height: int) -> None:
    must(len(canvas) == 10 and not canvas[0] & (_ANIMATED | _WITH_ALPHA))  # noqa: PLR2004
    sides = (1 + int.from_bytes(canvas[at : at + 3], "little") for at in (4, 7))
    must(tuple(sides) == (width, height))
