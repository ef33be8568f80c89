from io import BytesIO

import numpy as np
from PIL import Image

from preprocessing.overlay import overlay


def drawn(values: list[list[float]], width: int = 8, height: int = 6) -> np.ndarray:
    """RGBA."""
    png = overlay(np.array(values, np.float32), width, height)
    image = Image.open(BytesIO(png))
    assert (image.format, image.size) == ("PNG", (width, height))
    return np.asarray(image.convert("RGBA"))


def test_the_largest_value_is_red_and_what_is_not_above_0_is_transparent() -> None:
    pixels = drawn([[4.0, 0.0], [0.0, -9.0]], width=2, height=2)
    assert pixels[0, 0].tolist() == [200, 0, 0, 200]
    assert pixels[0, 1, 3] == pixels[1, 0, 3] == pixels[1, 1, 3] == 0


def test_the_size_is_the_one_that_is_asked_for() -> None:
    assert drawn([[1.0, 2.0, 3.0]]).shape == (6, 8, 4)


def test_a_map_without_evidence_is_transparent() -> None:
    assert (drawn([[0.0, -1.0]])[..., 3] == 0).all()
    assert (drawn([[0.0, 0.0]])[..., 3] == 0).all()
