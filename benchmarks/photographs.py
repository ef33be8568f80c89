"""The photographs that are sent: a folder's, or some made of the project's own."""

import os
import random
from bisect import bisect_left
from pathlib import Path

import numpy as np
from PIL import Image

from conversion.photographs import PHOTOGRAPHS
from harness.images import save

# Mean size and bytes of ImageNet's validation photographs.
_SIZE = (500, 375)
_BYTES = 107_000

_NOISE = 6.0  # a camera's: without it, enlarged details would fill less than the wanted bytes
_COUNT = 40
_SUFFIXES = frozenset({".jpeg", ".jpg"})
_VARIABLE = "PHOTOGRAPHS"
HELP = f"a folder of JPEG files; default: {_VARIABLE}, else some made of test_images/"
_QUALITIES = range(30, 100)


def given_or_made(folder: Path | None) -> list[bytes]:
    """A folder's photographs, else those of the folder that the environment names, else made.

    A SystemExit if there are none.
    """
    given = folder or os.environ.get(_VARIABLE)
    if not given:
        return make()
    found = read(Path(given)) if Path(given).is_dir() else []
    if not found:
        raise SystemExit(f"error: {given} is no folder with JPEG files")
    return found


def read(folder: Path) -> list[bytes]:
    """A folder's JPEG files."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
    return [file.read_bytes() for file in files]


def make(count: int = _COUNT) -> list[bytes]:
    """Cuttings of the project's photographs, 500 × 375 pixels and about 107 KB as JPEG."""
    dice = random.Random(0)  # noqa: S311
    images = [Image.open(path).convert("RGB") for path in PHOTOGRAPHS]
    return [_encode(_cutting(images[index % len(images)], dice)) for index in range(count)]


def _cutting(image: Image.Image, dice: random.Random) -> Image.Image:
    share = dice.uniform(0.6, 1.0)
    width, height = share * image.width, share * image.height
    left = dice.uniform(0, image.width - width)
    top = dice.uniform(0, image.height - height)
    box = (left, top, left + width, top + height)
    resized = np.asarray(image.resize(_SIZE, Image.Resampling.BICUBIC, box=box))
    noise = np.random.default_rng(dice.getrandbits(32)).normal(0, _NOISE, resized.shape)
    return Image.fromarray((resized + noise).clip(0, 255).astype(np.uint8))


def _encode(image: Image.Image) -> bytes:
    """The least quality whose file has the wanted size, else the best."""

    def encoded(quality: int) -> bytes:
        return save(image, "JPEG", quality=quality)

    index = bisect_left(_QUALITIES[:-1], _BYTES, key=lambda quality: len(encoded(quality)))
    return encoded(_QUALITIES[index])
