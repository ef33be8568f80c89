import pytest

from harness.images import preprocessing
from model_spec import Preprocessing, ResizeMode, Rounding
from preprocessing.orientation import Box
from preprocessing.resize.sizes import resized_size, sides


def of(mode: ResizeMode, rounding: Rounding = Rounding.TORCHVISION) -> Preprocessing:
    """Resize 60 x 40, which is higher than wide, and crop 50 x 40."""
    fields = preprocessing(1, 1).model_dump() | {"resize_size": [60, 40], "crop_size": [50, 40]}
    return Preprocessing.model_validate(fields | {"resize_mode": mode, "rounding": rounding})


@pytest.mark.parametrize(
    ("mode", "size", "resized"),
    [
        (ResizeMode.SQUASH, (7, 1000), (40, 60)),
        (ResizeMode.SHORTEST_SIDE, (200, 300), (40, 60)),
        (ResizeMode.SHORTEST_SIDE, (200, 200), (60, 60)),
        (ResizeMode.SHORTEST_SIDE, (100, 200), (40, 80)),
        (ResizeMode.LONGEST_SIDE, (200, 200), (40, 40)),
        (ResizeMode.LONGEST_SIDE, (100, 200), (30, 60)),
        (ResizeMode.LONGEST_SIDE, (1, 900), (1, 60)),
    ],
)
def test_a_photograph_covers_fills_or_fits(
    mode: ResizeMode, size: tuple[int, int], resized: tuple[int, int]
) -> None:
    assert resized_size(*size, of(mode)) == resized


@pytest.mark.parametrize("rounding", Rounding)
def test_less_than_a_half_is_cut_off_by_all(rounding: Rounding) -> None:
    # 40 · 49 / 30 = 65.3
    assert resized_size(30, 49, of(ResizeMode.SHORTEST_SIDE, rounding)) == (40, 65)


@pytest.mark.parametrize(
    ("rounding", "height"),
    [(Rounding.TORCHVISION, 62), (Rounding.TIMM, 63), (Rounding.TRANSFORMERS, 62)],
)
def test_more_than_a_half_is_rounded_up_by_timm(rounding: Rounding, height: int) -> None:
    # 40 · 47 / 30 = 62.7
    assert resized_size(30, 47, of(ResizeMode.SHORTEST_SIDE, rounding)) == (40, height)


def test_the_largest_that_fits_may_be_a_pixel_smaller_in_transformers() -> None:
    # 77 · (40 / 77) is less than 40 in floats.
    assert resized_size(77, 77, of(ResizeMode.LONGEST_SIDE, Rounding.TRANSFORMERS)) == (39, 39)
    assert resized_size(77, 77, of(ResizeMode.LONGEST_SIDE)) == (40, 40)


@pytest.mark.parametrize(
    ("rounding", "offsets"),
    [
        (Rounding.TORCHVISION, [6, 6, 8, 8]),
        (Rounding.TIMM, [6, 6, 8, 8]),
        (Rounding.TRANSFORMERS, [5, 6, 7, 8]),
    ],
)
def test_half_an_offset(rounding: Rounding, offsets: list[int]) -> None:
    wanted = of(ResizeMode.SHORTEST_SIDE, rounding)
    heights = [50 + odd for odd in (11, 13, 15, 17)]  # offsets 5.5, 6.5, 7.5 and 8.5

    found = [sides(40, high, Box(0, 0, 40, high), wanted)[1].offset for high in heights]

    assert found == offsets


def test_a_side_that_is_smaller_than_the_crop_is_there_entirely() -> None:
    across, down = sides(100, 200, Box(0, 0, 100, 200), of(ResizeMode.LONGEST_SIDE))

    assert (across.resized, across.offset, across.size) == (30, 0, 30)
    assert (down.resized, down.offset, down.size) == (60, 5, 50)
