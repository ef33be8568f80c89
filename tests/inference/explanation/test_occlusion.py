import asyncio

import numpy as np
import pytest

from inference.arrays import Pixels, Probabilities
from inference.explanation.occlusion import GRID, occlusion_maps


async def brightness(images: list[Pixels]) -> list[Probabilities]:
    """Two classes: bright and dark."""
    shares = [float(each.mean()) / 255 for each in images]
    return [np.array([share, 1 - share], np.float32) for share in shares]


def test_covering_what_speaks_for_a_class_lowers_it() -> None:
    pixels = np.full((14, 14, 3), 127, np.uint8)
    pixels[2:4, 4:6] = 255
    probabilities, maps = asyncio.run(occlusion_maps(pixels, brightness))
    # The patch has 4 of the 196 places, and falls from 255 to 127.
    expected = np.zeros((2, 7, 7))
    expected[:, 1, 2] = [4 / 196 * 128 / 255, -4 / 196 * 128 / 255]
    np.testing.assert_allclose(maps, expected, atol=1e-6)
    np.testing.assert_array_equal(probabilities, asyncio.run(brightness([pixels]))[0])


@pytest.mark.parametrize(("sides", "grid"), [((4, 9), (4, 7)), ((1, 1), (1, 1))])
def test_no_patch_is_empty(sides: tuple[int, int], grid: tuple[int, int]) -> None:
    _, maps = asyncio.run(occlusion_maps(np.full((*sides, 3), 255, np.uint8), brightness))
    assert maps.shape == (2, *grid)
    assert (maps[0] > 0).all()


def test_a_row_is_classified_at_a_time_and_the_image_stays_as_it_is() -> None:
    counts: list[int] = []

    async def classify(images: list[Pixels]) -> list[Probabilities]:
        counts.append(len(images))
        return await brightness(images)

    pixels = np.full((21, 21, 1), 200, np.uint8)
    asyncio.run(occlusion_maps(pixels, classify))
    assert counts == [1, *[GRID] * GRID]
    assert (pixels == 200).all()
