"""The orientation of a photograph: how its EXIF data says to turn the stored image."""

from typing import NamedTuple

from PIL import ExifTags, Image

UPRIGHT = 1
"""Nothing has to be done to the stored image."""

Method = Image.Transpose

# Exif 2.32, tag 0x0112: what has to be done to the stored image to see it upright.
_METHODS = {
    2: Method.FLIP_LEFT_RIGHT,
    3: Method.ROTATE_180,
    4: Method.FLIP_TOP_BOTTOM,
    5: Method.TRANSPOSE,
    6: Method.ROTATE_270,
    7: Method.TRANSVERSE,
    8: Method.ROTATE_90,
}

_SWAP_SIDES = {Method.TRANSPOSE, Method.TRANSVERSE, Method.ROTATE_90, Method.ROTATE_270}
# After sides are swapped.
_MIRROR_X = {Method.FLIP_LEFT_RIGHT, Method.ROTATE_180, Method.ROTATE_270, Method.TRANSVERSE}
_MIRROR_Y = {Method.FLIP_TOP_BOTTOM, Method.ROTATE_180, Method.ROTATE_90, Method.TRANSVERSE}


class Box(NamedTuple):
    """Edges in pixels from the upper left corner of an image."""

    left: float
    top: float
    right: float
    bottom: float


def orientation_of(image: Image.Image) -> int:
    """The orientation in an image's EXIF data, 1 to 8; 1 (upright) if they cannot be read."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        # A photograph with damaged EXIF data is still a photograph.
        return UPRIGHT
    return orientation if orientation in _METHODS else UPRIGHT


def upright(image: Image.Image, box: Box, orientation: int) -> tuple[Image.Image, Box]:
    """Turn a stored image, and a box in it, upright; the orientation is 1 to 8."""
    method = _METHODS.get(orientation)
    if method is None:
        return image, box
    turned = image.transpose(method)
    return turned, _turned(box, *turned.size, method)


def _turned(box: Box, width: int, height: int, method: Method) -> Box:
    """Where a box is in the turned image, which is ``width`` x ``height``."""
    left, top, right, bottom = box
    if method in _SWAP_SIDES:
        left, top, right, bottom = top, left, bottom, right
    if method in _MIRROR_X:
        left, right = width - right, width - left
    if method in _MIRROR_Y:
        top, bottom = height - bottom, height - top
    return Box(left, top, right, bottom)
