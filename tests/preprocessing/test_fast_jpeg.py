"""JPEGs decoded without Pillow: the pixels are Pillow's, and so is the last word."""

import random
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from errors import CorruptImage
from harness.images import LIMITS, exif, save, textured
from preprocessing import decode_ordinary, decode_scaled, decode_trusted, fast_jpeg
from preprocessing.fast_jpeg import MAX_BYTES, MAX_PIXELS_OF_PASSES, decode_jpeg, is_soon_decoded
from preprocessing.ordinary import OrdinaryImage

pytest.importorskip("simplejpeg", reason="there is no wheel for this machine")

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "4:2:0": ("RGB", {"subsampling": 2}),
    "4:2:2": ("RGB", {"subsampling": 1}),
    "4:4:4": ("RGB", {"subsampling": 0}),
    "RGB": ("RGB", {"keep_rgb": True}),
    "greyscale": ("L", {}),
    "progressive": ("RGB", {"progressive": True}),
    "with restarts": ("RGB", {"restart_marker_blocks": 3}),
}


def of_pillow(encoded: bytes, least_side: int | None = None) -> np.ndarray:
    return np.asarray(decode_scaled(encoded, LIMITS, least_side).image)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("least_side", [None, 64, 32, 16])
@pytest.mark.parametrize("size", [(129, 131), (192, 128)])
def test_pixels_and_box_are_pillows(
    size: tuple[int, int], least_side: int | None, kind: str
) -> None:
    mode, options = KINDS[kind]
    encoded = save(textured(*size).convert(mode), "JPEG", **options)

    decoded = decode_ordinary(encoded, LIMITS, least_side)

    assert decoded is not None
    assert isinstance(decoded.image, np.ndarray)
    assert (decoded.image == of_pillow(encoded, least_side)).all()
    assert decoded.box == decode_scaled(encoded, LIMITS, least_side).box


def test_a_trusted_jpeg_is_decoded_as_the_service_decodes_it() -> None:
    decoded = decode_trusted(save(textured(300, 200), "JPEG"), LIMITS, None)

    assert isinstance(decoded.image, np.ndarray)


@pytest.mark.parametrize("side", range(1, 18))
@pytest.mark.parametrize("least_side", [None, 1, 2, 4])
def test_tiny_photographs_are_decoded_at_the_right_scale(side: int, least_side: int | None) -> None:
    encoded = save(textured(side, side), "JPEG")

    decoded = decode_ordinary(encoded, LIMITS, least_side)

    assert decoded is not None
    assert (np.asarray(decoded.image) == of_pillow(encoded, least_side)).all()


def test_a_damaged_file_is_what_pillow_makes_of_it() -> None:
    chance = random.Random(0)
    whole = [
        save(textured(96, 80), "JPEG", quality=quality, progressive=progressive)
        for quality in (50, 95)
        for progressive in (False, True)
    ]
    decoded_twice = 0
    for _ in range(400):
        damaged = bytearray(chance.choice(whole))
        for _ in range(chance.choice((1, 1, 4))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        pixels = _pixels(bytes(damaged))
        if pixels is not None:
            decoded_twice += 1
            assert (pixels == of_pillow(bytes(damaged))).all()
    assert decoded_twice > 100


def _pixels(encoded: bytes) -> np.ndarray | None:
    """What simplejpeg gives; None if it refuses, or for what is not for it."""
    try:
        with Image.open(BytesIO(encoded)) as image:
            width, height = image.size
            known = image.mode in ("RGB", "L")
    except Exception:
        return None
    return decode_jpeg(encoded, width, height, 1) if known else None


def test_a_truncated_photograph_is_corrupt() -> None:
    whole = save(textured(96, 80), "JPEG")

    assert decode_jpeg(whole[: len(whole) // 2], 96, 80, 1) is None
    with pytest.raises(CorruptImage):
        of_pillow(whole[: len(whole) // 2])


def test_a_turned_photograph_is_decoded_by_pillow() -> None:
    encoded = save(textured(96, 80), "JPEG", exif=exif(6))

    decoded = decode_ordinary(encoded, LIMITS, None)

    assert decoded is not None
    assert isinstance(decoded.image, Image.Image)


def test_pillow_decodes_where_the_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = save(textured(96, 80), "JPEG")
    monkeypatch.setattr(fast_jpeg, "simplejpeg", None)

    decoded = decode_ordinary(encoded, LIMITS, None)

    assert decoded is not None
    assert isinstance(decoded.image, Image.Image)


@pytest.mark.parametrize(
    ("length", "width", "passes", "soon"),
    [
        (MAX_BYTES, 5000, 1, True),
        (MAX_BYTES + 1, 1, 1, False),
        (1, MAX_PIXELS_OF_PASSES // 10, 10, True),
        (1, MAX_PIXELS_OF_PASSES // 10 + 1, 10, False),
    ],
)
def test_what_could_take_long_is_left_to_the_decoder_that_can_be_stopped(
    length: int, width: int, passes: int, soon: bool
) -> None:
    image = OrdinaryImage("JPEG", bytes(length), width=width, height=1, passes=passes)

    assert is_soon_decoded(image) is soon
