"""A map of numbers → PNG to lay over the photograph."""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

_LEVELS = 256

_STRONG, _WEAK = (200, 0, 0), (255, 220, 0)

_LEAST_ALPHA, _MOST_ALPHA = 0, 200
"""Of 255: the photograph shines through where the evidence is strongest, too."""


def overlay(values: npt.NDArray[np.float32], width: int, height: int) -> bytes:
    """Draw a map ``[h, w]``: transparent where it is 0 or less, red where it is largest.

    Returns:
        A PNG with a palette, ``width`` x ``height``.
    """
    largest = max(float(values.max()), float(np.finfo(np.float32).tiny))
    share = np.clip(values / largest, 0, 1)
    large = Image.fromarray(share.astype(np.float32)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    levels = np.clip(np.rint((_LEVELS - 1) * np.asarray(large)), 0, _LEVELS - 1)
    image = Image.fromarray(levels.astype(np.uint8))
    image.putpalette(_ramp(_WEAK, _STRONG).tobytes())
    buffer = BytesIO()
    image.save(buffer, "PNG", transparency=_ramp((_LEAST_ALPHA,), (_MOST_ALPHA,)).tobytes())
    return buffer.getvalue()


def _ramp(first: tuple[int, ...], last: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """uint8 ``[_LEVELS, channels]``, from one colour to another."""
    return np.rint(np.linspace(first, last, _LEVELS)).astype(np.uint8)
