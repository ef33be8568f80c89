import numpy as np
import pytest

from model_spec import Interpolation
from preprocessing.pixels import Pixels, Side
from preprocessing.resize import fixed_filters

GREY = np.array([0, 100, 200, 60], np.uint8).reshape(1, 4, 1)
ONE = Side(pixels=1, start=0, length=1, resized=1, offset=0, size=1)


def row(
    resized: int, interpolation: Interpolation, *, offset: int = 0, size: int | None = None
) -> list[int]:
    """Of the four pixels in ``GREY``, resized without antialias."""
    across = Side(4, 0, 4, resized, offset, size or resized - offset)
    pixels: Pixels = fixed_filters.resize(GREY, across, ONE, interpolation, antialias=False)
    assert pixels.dtype == np.uint8
    return [int(pixel) for pixel in pixels.ravel()]


def test_bilinear_takes_the_two_pixels_around_a_centre() -> None:
    assert row(2, Interpolation.BILINEAR) == [50, 130]
    assert row(1, Interpolation.BILINEAR) == [150]
    # Centres at -0.25, 0.25, 0.75, … : the edge is repeated.
    assert row(8, Interpolation.BILINEAR) == [0, 25, 75, 125, 175, 165, 95, 60]


def test_bicubic_takes_four_pixels_and_stays_within_a_byte() -> None:
    # Weights at half a pixel, with a = -0.75: -0.09375, 0.59375, 0.59375, -0.09375.
    assert row(1, Interpolation.BICUBIC) == [172]
    assert row(2, Interpolation.BICUBIC) == [41, 139]
    # The first: -0.1055·0 + 0.8789·0 + 0.2617·0 - 0.0352·100 is below 0.
    assert row(8, Interpolation.BICUBIC)[0] == 0


def test_nearest_takes_the_pixel_at_the_position_or_under_the_centre() -> None:
    across = Side(4, 0, 4, 2, 0, 2)

    found = [
        fixed_filters.resize(GREY, across, ONE, Interpolation.NEAREST, antialias=antialias).ravel()
        for antialias in (False, True)
    ]

    assert [each.tolist() for each in found] == [[0, 200], [100, 60]]


@pytest.mark.parametrize(
    "interpolation", [Interpolation.NEAREST, Interpolation.BILINEAR, Interpolation.BICUBIC]
)
def test_a_crop_is_a_part_of_the_whole(interpolation: Interpolation) -> None:
    assert row(8, interpolation, offset=2, size=3) == row(8, interpolation)[2:5]
