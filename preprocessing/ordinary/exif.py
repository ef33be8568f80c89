"""The orientation of an ordinary image: from its Exif data, else from its XMP packet."""

import re
import struct

from preprocessing.ordinary.image import must
from preprocessing.orientation import UPRIGHT

MAX_TAGS = 200
"""Of the first directory; cameras write about a dozen."""

_ORIENTATION, _SHORT = 0x0112, 3
_PREFIX = re.compile(rb"(?:Exif\0\0){0,2}")
_ORDERS = {b"MM\0*": ">", b"II*\0": "<"}
# TIFF 6.0, section 2: bytes of one value of each type.
_TYPE_BYTES = dict(zip(range(1, 14), (1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), strict=True))
_HEADER_BYTES, _ENTRY_BYTES = 8, 12
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def orientation_of(exif: bytes, xmp: bytes = b"") -> int:
    """Orientation 1 to 8, as Pillow's ``getexif`` finds it.

    Exif data may begin with their prefix. The XMP packet counts if they have no orientation.

    Raises:
        NotOrdinary: the Exif data are damaged, or larger than a camera's.
    """
    found = _in_first_directory(_PREFIX.sub(b"", exif, count=1)) if exif else None
    if found is None:
        match = _XMP_ORIENTATION.search(xmp)
        found = int(match[1]) if match else UPRIGHT
    return found if found in range(1, 9) else UPRIGHT


def _in_first_directory(tiff: bytes) -> int | None:
    """The orientation; None without one. Every value must lie within the data."""
    if not tiff:
        return None
    order = _ORDERS.get(tiff[:4], "")
    must(bool(order) and len(tiff) >= _HEADER_BYTES)
    (start,) = struct.unpack_from(order + "4xL", tiff)
    must(start + 2 <= len(tiff))
    (count,) = struct.unpack_from(order + "H", tiff, start)
    end = start + 2 + count * _ENTRY_BYTES
    # After the entries comes the offset of the next directory.
    must(count <= MAX_TAGS and end + 4 <= len(tiff))
    found, outside = None, 0
    for tag, kind, items, value in struct.iter_unpack(order + "HHL4s", tiff[start + 2 : end]):
        must(kind in _TYPE_BYTES)
        length = items * _TYPE_BYTES[kind]
        if length > len(value):
            outside += length
            must(outside <= len(tiff))
            must(struct.unpack(order + "L", value)[0] + length <= len(tiff))
        if tag == _ORIENTATION and found is None:
            must(kind == _SHORT and items == 1)
            (found,) = struct.unpack_from(order + "H", value)
    return found
