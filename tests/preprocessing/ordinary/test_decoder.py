"""Which images the worker itself decodes."""

import struct
import zlib

import pytest
from PIL import Image

from errors import CorruptImage
from harness.images import save, textured
from hostile.images.containers import PNG_START, chunk, in_jpeg, png_header
from hostile.images.costly import no_pixels
from preprocessing import DecodeLimits, decode_ordinary, decode_scaled, decode_trusted
from preprocessing.ordinary.decoder import MAX_BYTES

LIMITS = DecodeLimits(max_pixels=25_000_000, max_aspect_ratio=20.0)
LEAST_SIDE = 640


def is_ordinary(encoded: bytes) -> bool:
    return decode_ordinary(encoded, LIMITS, LEAST_SIDE) is not None


def test_a_trusted_file_that_is_not_ordinary_is_decoded_without_bounds() -> None:
    encoded = save(textured(300, 200), "GIF")

    image, box, divisor = decode_trusted(encoded, LIMITS, LEAST_SIDE)

    assert decode_ordinary(encoded, LIMITS, LEAST_SIDE) is None
    assert isinstance(image, Image.Image)
    assert (image.size, box, divisor) == ((300, 200), (0, 0, 300, 200), 1)


def flat(image_format: str, width: int, height: int, **options: bool) -> bytes:
    return save(Image.new("RGB", (width, height)), image_format, **options)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_ordinary_images_are_those_that_are_decoded_elsewhere_too(image_format: str) -> None:
    encoded = save(textured(300, 200), image_format)

    here = decode_ordinary(encoded, LIMITS, LEAST_SIDE)
    there = decode_scaled(encoded, LIMITS, LEAST_SIDE)

    assert here is not None
    assert (here.image.tobytes(), here.box) == (there.image.tobytes(), there.box)


@pytest.mark.parametrize(
    ("image_format", "largest", "larger"),
    [
        ("JPEG", (5000, 5000), (5000, 5001)),
        ("PNG", (2100, 1000), (2100, 1001)),
        ("WEBP", (2100, 1000), (2100, 1001)),
    ],
)
def test_what_computes_more_pixels_is_not_decoded_in_place(
    image_format: str, largest: tuple[int, int], larger: tuple[int, int]
) -> None:
    assert is_ordinary(flat(image_format, *largest))
    assert not is_ordinary(flat(image_format, *larger))


def test_passes_count() -> None:
    # Ten scans, and the pass that puts them together.
    assert is_ordinary(flat("JPEG", 1500, 1500, progressive=True))
    assert not is_ordinary(flat("JPEG", 1600, 1500, progressive=True))


def test_what_has_more_bytes_is_not_decoded_in_place() -> None:
    scanned = save(textured(2000, 1900), "JPEG", quality=100, subsampling=0)
    assert len(scanned) > MAX_BYTES["JPEG"]
    assert not is_ordinary(scanned)


def test_compressed_data_without_pixels_are_not_decoded_to_their_end() -> None:
    assert not is_ordinary(no_pixels(MAX_BYTES["PNG"] - 1000))
    assert is_ordinary(no_pixels(10_000))


def test_a_damaged_image_of_an_ordinary_kind_is_corrupt() -> None:
    rows = zlib.compress(bytes(100))
    cut_off = png_header(64, 64) + chunk(b"IDAT", rows[:-4]) + chunk(b"IEND")
    with pytest.raises(CorruptImage):
        is_ordinary(PNG_START + cut_off)


def test_an_odd_image_is_not_ordinary() -> None:
    assert not is_ordinary(in_jpeg(b"\xff\0"))
    assert not is_ordinary(save(textured(8, 8), "GIF"))
    assert not is_ordinary(struct.pack(">I", 0))
