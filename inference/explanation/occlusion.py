"""Occlusion: what a class loses when a patch of the image is covered.

For networks whose head has no class activation maps (Zeiler and Fergus, "Visualizing and
Understanding Convolutional Networks", 2014, https://arxiv.org/abs/1311.2901, section 4.2).
"""

from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from inference.arrays import Pixels, Probabilities

GRID = 7
"""Patches along each side, at most: an explanation costs as much as 1 + 49 classifications."""

_GREY = 127

Classify = Callable[[list[Pixels]], Awaitable[list[Probabilities]]]
"""Gives the probabilities of any images."""


async def occlusion_maps(
    pixels: Pixels, classify: Classify
) -> tuple[Probabilities, npt.NDArray[np.float32]]:
    """Classify an image, then once more for each patch that is covered with grey.

    A row of patches is classified at a time, so that other images have their turn in between.

    Returns:
        The image's probabilities, and float32 ``[classes, h, w]``: by how much each of them falls
        with each patch.
    """
    (whole,) = await classify([pixels])
    rows = [await classify(list(row)) for row in _covered(pixels)]
    return whole, whole[:, None, None] - np.array(rows, np.float32).transpose(2, 0, 1)


def _covered(pixels: Pixels) -> Iterator[Iterator[Pixels]]:
    """Rows of images, each with one patch covered."""
    down, across = (
        np.linspace(0, side, min(GRID, side) + 1).astype(int) for side in pixels.shape[:2]
    )
    for top, bottom in pairwise(down):
        yield (
            _with_patch(pixels, slice(top, bottom), slice(left, right))
            for left, right in pairwise(across)
        )


def _with_patch(pixels: Pixels, rows: slice, columns: slice) -> Pixels:
    covered = pixels.copy()
    covered[rows, columns] = _GREY
    return covered
