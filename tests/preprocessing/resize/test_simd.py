"""The resizer with SIMD instructions, where the grid of test_transform.py does not look."""

import numpy as np
import pytest
from PIL import Image

from harness.images import preprocessing, textured
from model_spec import Interpolation, Preprocessing
from preprocessing import transform
from preprocessing.orientation import Box
from preprocessing.pixels import Side
from preprocessing.resize import simd
from tests.preprocessing.test_transform import MAX_DIFFERENCE, MEAN_DIFFERENCE, difference

pytest.importorskip("cykooz_resizer", reason="there is no wheel for this machine")

WANTED = preprocessing(232, 224, Interpolation.BICUBIC)


def side(length: float, resized: int) -> Side:
    return Side(pixels=int(length), start=0, length=length, resized=resized, offset=0, size=224)


def by_pillow(
    image: Image.Image, wanted: Preprocessing, box: Box | None, monkeypatch: pytest.MonkeyPatch
) -> np.ndarray:
    with monkeypatch.context() as without:
        without.setattr(simd, "library", None)
        return transform(image, wanted, box)


def check_against_pillow(
    image: Image.Image,
    monkeypatch: pytest.MonkeyPatch,
    wanted: Preprocessing = WANTED,
    box: Box | None = None,
) -> None:
    differences = difference(
        transform(image, wanted, box), by_pillow(image, wanted, box, monkeypatch)
    )
    assert 0 < differences.mean() <= MEAN_DIFFERENCE  # not 0: it was not Pillow
    assert differences.max() <= MAX_DIFFERENCE


def test_the_filters_are_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    for interpolation in (Interpolation.BILINEAR, Interpolation.BICUBIC, Interpolation.LANCZOS):
        check_against_pillow(
            textured(500, 375), monkeypatch, preprocessing(256, 224, interpolation)
        )


def test_strips_of_one_row_give_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    image = textured(500, 375)
    whole = transform(image, WANTED)

    monkeypatch.setattr(simd, "_STRIP_BYTES", 1)

    assert (transform(image, WANTED) == whole).all()


def test_an_array_and_an_image_give_the_same_pixels() -> None:
    image = textured(375, 500)

    assert (transform(np.asarray(image), WANTED) == transform(image, WANTED)).all()


@pytest.mark.parametrize(
    "box", [Box(0, 0, 499.125, 374.5), Box(0.875, 0, 500, 374.5), Box(0.875, 0.5, 500, 375)]
)
def test_the_edge_of_a_photograph_may_lie_within_a_pixel(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_against_pillow(textured(500, 375), monkeypatch, box=box)


@pytest.mark.parametrize(
    ("length", "resized", "ties"),
    [
        (320, 256, 4 / 50),  # 5:4
        (640, 341, 341 / (2 * 640**2)),
        (160, 256, 1),  # it enlarges
        (40.5, 27, 2 / 18),  # 3:2
    ],
)
def test_ties_follow_from_the_scale(length: float, resized: int, ties: float) -> None:
    assert simd._ties(side(length, resized)) == pytest.approx(ties)


def test_pillow_resizes_where_ties_are_frequent() -> None:
    sides = side(320, 256), side(320, 256)

    assert not simd.gives_pillows_pixels(*sides, Interpolation.BILINEAR)
    assert simd.gives_pillows_pixels(*sides, Interpolation.BICUBIC)
    assert simd.gives_torchs_pixels(Interpolation.BILINEAR)
    assert not simd.gives_torchs_pixels(Interpolation.LANCZOS)
    for without in (Interpolation.NEAREST, Interpolation.BOX, Interpolation.HAMMING):
        assert not simd.gives_pillows_pixels(*sides, without)
