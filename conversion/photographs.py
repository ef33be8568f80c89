"""The project's own photographs, on which every conversion is verified."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from model_spec import Preprocessing
from preprocessing import DecodeLimits, decode, transform

_FOLDER = Path(__file__).parent.parent / "test_images"
_SUFFIXES = frozenset({".avif", ".gif", ".jpg", ".png", ".webp"})

PHOTOGRAPHS = tuple(path for path in sorted(_FOLDER.iterdir()) if path.suffix in _SUFFIXES)

GOLDEN = _FOLDER / "coffee.jpg"
"""Goes with every model and is classified again at every start."""

# The files are the project's own: a sanity bound, not a defence.
_LIMITS = DecodeLimits(max_pixels=10_000_000, max_aspect_ratio=10.0)


def photograph(path: Path) -> Image.Image:
    """One of the photographs, upright and in RGB."""
    return decode(path.read_bytes(), _LIMITS)


def photograph_pixels(preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    """All photographs as a model sees them: uint8 ``[N, height, width, channels]``."""
    return np.stack([transform(photograph(path), preprocessing) for path in PHOTOGRAPHS])
