import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from errors import CorruptImage, ExtremeAspectRatio, ImageError, ImageTooLarge, UnsupportedImage
from harness.images import FORMATS, LIMITS, exif, png, save, textured
from preprocessing import FORMATS as TAKEN
from preprocessing import DecodeLimits, decode

# What Pillow warns of in damaged files is no error; the service runs without warnings as errors.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_the_formats_are_those_that_the_readme_promises() -> None:
    assert TAKEN == ("AVIF", "GIF", "JPEG", "PNG", "WEBP")


@pytest.mark.parametrize("image_format", FORMATS)
def test_exactly_the_most_pixels_pass_and_one_more_is_too_large(image_format: str) -> None:
    encoded = save(textured(20, 15), image_format)

    assert decode(encoded, DecodeLimits(300, 20.0)).size == (20, 15)
    with pytest.raises(ImageTooLarge) as caught:
        decode(encoded, DecodeLimits(299, 20.0))
    assert caught.value.message == (
        "the image has 20 x 15 = 300 pixels, more than the limit of 299"
    )


def test_a_huge_header_is_refused_before_any_pixel_is_decoded() -> None:
    # Without pixel data, a decoder that got as far as the pixels would call it corrupt.
    bomb = png(13_000, 13_000, depth=8, colour_type=2, rows=b"")
    with pytest.raises(CorruptImage):
        decode(png(130, 130, depth=8, colour_type=2, rows=b""), LIMITS)

    tracemalloc.start()
    try:
        with pytest.raises(ImageTooLarge, match="13000 x 13000 = 169000000 pixels"):
            decode(bomb, DecodeLimits(25_000_000, 20.0))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("image_format", ["GIF", "JPEG", "PNG"])
def test_limits_are_checked_before_a_truncated_body_is(image_format: str) -> None:
    whole = save(textured(32, 24), image_format)
    encoded = whole[: len(whole) * 3 // 4]

    with pytest.raises(CorruptImage):
        decode(encoded, DecodeLimits(32 * 24, 20.0))
    with pytest.raises(ImageTooLarge):
        decode(encoded, DecodeLimits(32 * 24 - 1, 20.0))


@pytest.mark.parametrize(
    ("longest", "longer", "limit"),
    [
        ((200, 10), (201, 10), 20.0),
        ((10, 200), (10, 201), 20.0),
        ((7, 7), (8, 7), 1.0),
        ((5, 2), (6, 2), 2.5),
    ],
)
def test_exactly_the_longest_aspect_passes_and_a_longer_one_is_extreme(
    longest: tuple[int, int], longer: tuple[int, int], limit: float
) -> None:
    limits = DecodeLimits(1_000_000, limit)

    assert decode(save(Image.new("RGB", longest), "PNG"), limits).size == longest
    with pytest.raises(ExtremeAspectRatio) as caught:
        decode(save(Image.new("RGB", longer), "PNG"), limits)
    assert caught.value.message == (
        f"the image is {longer[0]} x {longer[1]}, "
        f"its sides differ by more than the limit of 1:{limit:g}"
    )


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\0",
        b"an image, it says here",
        b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='4' height='4'/>",
        *(save(textured(8, 8), other) for other in ("BMP", "TIFF", "PPM", "ICO", "JPEG2000")),
    ],
    ids=["empty", "one byte", "text", "PDF", "SVG", "BMP", "TIFF", "PPM", "ICO", "JPEG 2000"],
)
def test_other_bytes_are_unsupported(encoded: bytes) -> None:
    with pytest.raises(UnsupportedImage) as caught:
        decode(encoded, LIMITS)
    assert caught.value.message == (
        "not an image in a supported format (AVIF, GIF, JPEG, PNG, WEBP)"
    )


def valid_images() -> dict[str, bytes]:
    first, second = textured(24, 16), textured(24, 16, seed=1)
    both: dict[str, Any] = {"save_all": True, "append_images": [second]}
    return {
        "JPEG": save(first, "JPEG", exif=exif(6)),
        "progressive JPEG": save(first, "JPEG", progressive=True),
        "CMYK JPEG": save(first.convert("CMYK"), "JPEG"),
        "MPO": save(first, "MPO", **both),
        "PNG": save(first, "PNG", exif=exif(6)),
        "palette PNG": save(first.convert("P"), "PNG", transparency=3),
        "GIF": save(first, "GIF", **both),
        "WebP": save(first, "WEBP", exif=exif(6)),
        "lossless WebP": save(first, "WEBP", lossless=True),
        "AVIF": save(first, "AVIF", exif=exif(6)),
    }


VALID = valid_images()

# Small, so that a flipped bit in a header cannot ask for much memory.
FUZZ_LIMITS = DecodeLimits(max_pixels=100_000, max_aspect_ratio=20.0)


def gives_rgb_or_an_image_error(encoded: bytes) -> None:
    try:
        image = decode(encoded, FUZZ_LIMITS)
    except ImageError:
        return
    assert image.mode == "RGB"
    assert 0 < image.width * image.height <= FUZZ_LIMITS.max_pixels


@given(st.binary(max_size=200))
@example(b"\xff\xd8\xff")
@example(b"\x89PNG\r\n\x1a\n")
@example(b"GIF89a")
@example(b"RIFF\0\0\0\0WEBP")
@example(b"\0\0\0\x1cftypavif")
@settings(max_examples=100, deadline=None)
def test_arbitrary_bytes_raise_nothing_but_image_errors(encoded: bytes) -> None:
    gives_rgb_or_an_image_error(encoded)


@given(name=st.sampled_from(list(VALID)), data=st.data())
@settings(max_examples=150, deadline=None)
@pytest.mark.slow
def test_flipped_bits_raise_nothing_but_image_errors(name: str, data: st.DataObject) -> None:
    damaged = bytearray(VALID[name])
    # Half of the flips hit the first bytes, where headers are.
    positions = st.integers(0, 99) | st.integers(0, len(damaged) - 1)
    for position, bit in data.draw(
        st.lists(st.tuples(positions, st.integers(0, 7)), min_size=1, max_size=8)
    ):
        damaged[position] ^= 1 << bit

    gives_rgb_or_an_image_error(bytes(damaged))
