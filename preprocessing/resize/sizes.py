"""The size that a photograph is resized to, and the place of the crop in it."""

from model_spec import Preprocessing, ResizeMode, Rounding
from preprocessing.orientation import Box
from preprocessing.pixels import Side


def sides(width: int, height: int, box: Box, preprocessing: Preprocessing) -> tuple[Side, Side]:
    """How an image, whose box is the photograph, is resized and cropped in width and in height."""
    size = float(box.right - box.left), float(box.bottom - box.top)
    resized = resized_size(*size, preprocessing)
    crop, rounding = preprocessing.crop_size, preprocessing.rounding
    return (
        Side(width, box.left, size[0], resized[0], *_part(resized[0], crop.width, rounding)),
        Side(height, box.top, size[1], resized[1], *_part(resized[1], crop.height, rounding)),
    )


def resized_size(width: float, height: float, preprocessing: Preprocessing) -> tuple[int, int]:
    """Width and height after the resize, at least one pixel each.

    Both sides divided by the same power of two give the same size, to the last bit.
    """
    wanted, mode = preprocessing.resize_size, preprocessing.resize_mode
    if mode is ResizeMode.SQUASH:
        return wanted.width, wanted.height
    if mode is ResizeMode.LONGEST_SIDE and preprocessing.rounding is Rounding.TRANSFORMERS:
        # transformers.image_transforms.get_image_size_for_max_height_width
        scale = min(wanted.height / height, wanted.width / width)
        return max(1, int(width * scale)), max(1, int(height * scale))
    covers = mode is ResizeMode.SHORTEST_SIDE
    higher = wanted.width * height >= wanted.height * width
    if higher is covers:
        return wanted.width, _other(height, wanted.width, width, preprocessing.rounding)
    return _other(width, wanted.height, height, preprocessing.rounding), wanted.height


def _other(other: float, wanted: int, side: float, rounding: Rounding) -> int:
    """What the other side becomes when one becomes ``wanted``."""
    if rounding is Rounding.TIMM:
        # timm.data.transforms.ResizeKeepRatio.get_params
        return max(1, round(other / (side / wanted)))
    # torchvision.transforms.functional._compute_resized_output_size
    return max(1, int(wanted * other / side))


def _part(resized: int, crop: int, rounding: Rounding) -> tuple[int, int]:
    """Offset and number of the pixels of one side that are in the crop."""
    if resized <= crop:
        return 0, resized
    if rounding is Rounding.TRANSFORMERS:
        return (resized - crop) // 2, crop
    # torchvision.transforms.functional.center_crop rounds the offset half to even.
    return round((resized - crop) / 2.0), crop
