from pathlib import Path

import numpy as np

from conversion.photographs import GOLDEN, PHOTOGRAPHS, photograph_pixels
from model_spec import Preprocessing
from preprocessing import DecodeLimits, decode, transform

TEST_IMAGES = Path(__file__).parent.parent.parent / "test_images"
LIMITS = DecodeLimits(max_pixels=10_000_000, max_aspect_ratio=10.0)


def test_the_photographs_are_the_projects_in_the_order_of_their_names() -> None:
    names = [path.name for path in PHOTOGRAPHS]
    assert names == sorted(names)
    assert {"camera.png", "chelsea.jpg", "coffee.jpg", "helmet.avif", "rocket.webp"} <= set(names)
    assert all(path.parent == TEST_IMAGES for path in PHOTOGRAPHS)
    assert PHOTOGRAPHS.count(GOLDEN) == 1


def test_each_photograph_is_seen_as_the_service_will_see_it(
    tiny_preprocessing: Preprocessing,
) -> None:
    pixels = photograph_pixels(tiny_preprocessing)
    assert pixels.shape == (len(PHOTOGRAPHS), 8, 8, 3)
    assert pixels.dtype == np.uint8
    for found, path in zip(pixels, PHOTOGRAPHS, strict=True):
        seen = transform(decode(path.read_bytes(), LIMITS), tiny_preprocessing)
        np.testing.assert_array_equal(found, seen)
    assert len({image.tobytes() for image in pixels}) == len(PHOTOGRAPHS)
