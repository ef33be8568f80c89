"""How much there is in Exif data, looked at before it is read tag by tag."""

from typing import Literal

MAX_TAGS = 1000
"""Of the first directory, which has about a dozen: reading 65,535 takes a second."""

MAX_BYTES = 128 * 1024
"""Of Exif data that Pillow writes anew, value by value. In a JPEG it has up to 64 KB."""

_PREFIX = b"Exif\0\0"
_ORDERS: dict[bytes, Literal["big", "little"]] = {b"MM": "big", b"II": "little"}
_HEADER, _BIG_TIFF = 8, 43


def has_too_many_tags(exif: bytes | memoryview) -> bool:
    """Whether no camera writes so many, or with numbers as large as BigTIFF has.

    Args:
        exif: with or without the prefix of JPEG segments.
    """
    tiff = _tiff(exif)
    order = _ORDERS.get(bytes(tiff[:2]))
    if order is None or len(tiff) < _HEADER:
        return False
    start = int.from_bytes(tiff[4:8], order)
    tags = int.from_bytes(tiff[start : start + 2], order)
    return tags > MAX_TAGS or _BIG_TIFF in tiff[2:4]


def is_exif(content: bytes | memoryview) -> bool:
    """Whether it begins like Exif data."""
    return bytes(_tiff(content)[:4]) in (b"MM\0*", b"II*\0", b"MM\0+", b"II+\0")


def _tiff(exif: bytes | memoryview) -> bytes | memoryview:
    for _ in range(2):  # as Pillow does
        exif = exif[len(_PREFIX) :] if exif[: len(_PREFIX)] == _PREFIX else exif
    return exif
