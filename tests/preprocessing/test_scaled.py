"""Large JPEGs decoded at 1/2, 1/4 or 1/8 of their size: the same picture in the same place."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from errors import CorruptImage, ImageTooLarge
from harness.images import LIMITS, STORED_AS, exif, preprocessing, save, textured
from model_spec import Interpolation
from preprocessing import (
    DecodeLimits,
    decode,
    decode_ordinary,
    decode_scaled,
    least_side,
    transform,
)
from preprocessing.decode import size_of
from preprocessing.orientation import Box
from settings import Settings

# What box and rounding may differ by: libjpeg averages before it rounds, Pillow after.
ROUNDING = 2

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "baseline": ("RGB", "JPEG", {}),
    "progressive": ("RGB", "JPEG", {"progressive": True}),
    "greyscale": ("L", "JPEG", {}),
    "CMYK": ("CMYK", "JPEG", {}),
    "of a phone": ("RGB", "MPO", {"save_all": True, "append_images": [Image.new("RGB", (8, 8))]}),
}


def smooth(width: int, height: int) -> Image.Image:
    """Grey, brighter to the right and, less, downwards: every shift changes the mean.

    Rounded at random, so that rounding leaves the mean alone.
    """
    y, x = np.mgrid[0:height, 0:width]
    grey = 150 * x / width + 100 * y / height + np.random.default_rng(0).random((height, width))
    return Image.fromarray(grey.astype(np.uint8))


def largest_difference(one: Any, other: Any) -> int:
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other)).max())


@pytest.mark.parametrize(
    ("least", "divisor"),
    [(6, 8), (7, 4), (12, 4), (13, 2), (24, 2), (25, 1), (48, 1), (1000, 1), (None, 1)],
)
def test_the_shorter_side_keeps_the_pixels_asked_for(least: int | None, divisor: int) -> None:
    image, box, _ = decode_scaled(save(textured(64, 48), "JPEG"), LIMITS, least)

    assert image.size == (64 / divisor, 48 / divisor)
    assert box == (0, 0, *image.size)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("divisor", [2, 4, 8])
def test_scaled_pixels_are_means_of_the_full_ones(divisor: int, kind: str) -> None:
    mode, image_format, options = KINDS[kind]
    jpeg = save(smooth(128, 64).convert(mode), image_format, quality=100, **options)

    scaled = decode_scaled(jpeg, LIMITS, 64 // divisor).image

    assert scaled.mode == "RGB"
    means = decode(jpeg, LIMITS).reduce(divisor)
    assert largest_difference(scaled, means) <= ROUNDING


@pytest.mark.parametrize("image_format", ["AVIF", "GIF", "PNG", "WEBP"])
def test_other_formats_are_not_scaled(image_format: str) -> None:
    encoded = save(textured(64, 48), image_format)

    image, box, _ = decode_scaled(encoded, LIMITS, 6)

    assert box == (0, 0, 64, 48)
    assert (np.asarray(image) == np.asarray(decode(encoded, LIMITS))).all()


# 65 / 8 = 8.125 and 49 / 8 = 6.125: the ninth column and the seventh row hold an eighth of
# the photograph each; where they lie depends on the orientation.
BOXES = {
    1: Box(0, 0, 8.125, 6.125),
    2: Box(0.875, 0, 9, 6.125),
    3: Box(0.875, 0.875, 9, 7),
    4: Box(0, 0.875, 8.125, 7),
    5: Box(0, 0, 6.125, 8.125),
    6: Box(0.875, 0, 7, 8.125),
    7: Box(0.875, 0.875, 7, 9),
    8: Box(0, 0.875, 6.125, 9),
}


@pytest.mark.parametrize("orientation", BOXES)
def test_the_box_is_what_the_photograph_fills(orientation: int) -> None:
    jpeg = save(smooth(65, 49), "JPEG", exif=exif(orientation))

    image, box, _ = decode_scaled(jpeg, LIMITS, 6)

    assert image.size == ((9, 7) if orientation < 5 else (7, 9))
    assert box == BOXES[orientation]


@pytest.mark.parametrize("orientation", STORED_AS)
@pytest.mark.parametrize("size", [(133, 101), (97, 127), (104, 111)])
def test_the_model_sees_the_same_place_in_every_orientation(
    size: tuple[int, int], orientation: int
) -> None:
    upright = np.asarray(smooth(*size))
    stored = Image.fromarray(np.ascontiguousarray(STORED_AS[orientation](upright)))
    jpeg = save(stored, "JPEG", quality=100, exif=exif(orientation))
    wanted = preprocessing(7, 6, Interpolation.BICUBIC)  # an odd remainder: the offset is rounded

    image, box, _ = decode_scaled(jpeg, LIMITS, 12)

    assert min(image.size) == -(-min(size) // 8)
    # One source pixel to the right makes 1.1 to 1.5 of 255, one downwards 0.8 to 1.
    difference = transform(image, wanted, box).astype(int) - transform(decode(jpeg, LIMITS), wanted)
    assert abs(difference.mean()) < 0.4
    assert np.abs(difference).max() <= ROUNDING


def test_limits_hold_for_the_pixels_that_are_computed() -> None:
    jpeg = save(textured(64, 48), "JPEG")

    assert decode_scaled(jpeg, DecodeLimits(8 * 6, 20.0), 6).image.size == (8, 6)
    with pytest.raises(ImageTooLarge, match="64 x 48, decoded at 8 x 6 = 48 pixels"):
        decode_scaled(jpeg, DecodeLimits(8 * 6 - 1, 20.0), 6)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_truncated_photograph_is_corrupt_at_every_scale(progressive: bool) -> None:
    whole = save(textured(640, 480), "JPEG", progressive=progressive)

    for least in (None, 240, 120, 60):
        with pytest.raises(CorruptImage):
            decode_scaled(whole[: len(whole) // 2], LIMITS, least)


def test_24_megapixels_pass_by_default() -> None:
    chosen = Settings()
    jpeg = save(Image.new("RGB", (6000, 4000), (200, 10, 10)), "JPEG")

    image, box, _ = decode_scaled(
        jpeg, DecodeLimits(chosen.max_pixels, chosen.max_aspect_ratio), 512
    )

    assert image.size == (1500, 1000)
    assert box == (0, 0, 1500, 1000)


def test_two_and_a_half_times_the_resize_size_is_kept() -> None:
    assert least_side(preprocessing(256, 224, Interpolation.BICUBIC)) == 640
    assert least_side(preprocessing(235, 224, Interpolation.BILINEAR)) == 588


def test_nearest_takes_single_pixels_so_nothing_is_scaled() -> None:
    assert least_side(preprocessing(256, 224, Interpolation.NEAREST)) is None


@pytest.mark.parametrize("least", [None, 6, 48])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_of_the_whole_photograph_is_told_upright(
    orientation: int, least: int | None
) -> None:
    jpeg = save(textured(101, 75), "JPEG", exif=exif(orientation))
    upright = (101, 75) if orientation < 5 else (75, 101)
    assert size_of(decode_scaled(jpeg, LIMITS, least)) == upright
    ordinary = decode_ordinary(jpeg, LIMITS, least)
    assert ordinary is not None
    assert size_of(ordinary) == upright
