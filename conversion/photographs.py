"""The project's own photographs, on which every conversion is verified."""

from pathlib import Path

import numpy as np
from PIL import Image

from inference.arrays import Probabilities
from inference.sessions.session import open_session
from model_spec import Preprocessing
from preprocessing import DecodeLimits, decode, transform
from preprocessing.pixels import Pixels
from settings import Device

_FOLDER = Path(__file__).parent.parent / "test_images"
_SUFFIXES = frozenset({".avif", ".gif", ".jpg", ".png", ".webp"})

PHOTOGRAPHS = tuple(path for path in sorted(_FOLDER.iterdir()) if path.suffix in _SUFFIXES)

GOLDEN = _FOLDER / "coffee.jpg"
"""Part of every model, and classified again at every start."""

# Above the size of the project's own files.
_LIMITS = DecodeLimits(max_pixels=10_000_000, max_aspect_ratio=10.0)


def photograph(path: Path) -> Image.Image:
    """One of the photographs, upright and in RGB."""
    return decode(path.read_bytes(), _LIMITS)


def golden_probabilities(folder: Path, device: Device) -> Probabilities:
    """What a device gives for the golden image of the model in a folder: float32 ``[classes]``.

    Raises:
        StartupError: the device cannot be had, or the model cannot be loaded.
    """
    session = open_session(folder, device, intra_op_threads=1)
    image = photograph(folder / session.spec.golden.file)
    pixels = transform(image, session.spec.preprocessing)
    probabilities: Probabilities = session.run(pixels[np.newaxis])[0]
    return probabilities


def photograph_pixels(preprocessing: Preprocessing) -> Pixels:
    """All photographs as a model sees them: uint8 ``[N, height, width, channels]``."""
    return np.stack([transform(photograph(path), preprocessing) for path in PHOTOGRAPHS])
