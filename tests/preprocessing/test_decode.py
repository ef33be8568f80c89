import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from errors import CorruptImage
from harness.images import FORMATS, LIMITS, STORED_AS, exif, png, rotated_twin, save, textured
from preprocessing import decode

# Pillow warns of damaged EXIF data; the service runs without warnings as errors.
pytestmark = pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")

RED, BLUE = (255, 0, 0), (0, 0, 255)

# JPEG and AVIF store brightness and colour rounded, so one colour comes back within this.
LOSSY = 3

Rgb = tuple[int, int, int]

LOSSLESS: dict[str, dict[str, Any]] = {"GIF": {}, "PNG": {}, "WEBP": {"lossless": True}}
ANIMATIONS: dict[str, dict[str, Any]] = {
    "AVIF": {},
    "GIF": {},
    "MPO": {},
    "PNG": {},
    "WEBP": {"lossless": True},
}


def red_beside_blue() -> Image.Image:
    image = Image.new("RGB", (64, 32), RED)
    image.paste(BLUE, (32, 0, 64, 32))
    return image


def rows(image: Image.Image) -> Any:
    return np.asarray(image).tolist()


def close(actual: Any, expected: Rgb, tolerance: int) -> bool:
    return all(abs(a - e) <= tolerance for a, e in zip(actual, expected, strict=True))


@pytest.mark.parametrize("image_format", FORMATS)
def test_every_format_gives_rgb_of_the_right_size_and_colours(image_format: str) -> None:
    image = decode(save(red_beside_blue(), image_format, quality=100), LIMITS)

    assert (image.mode, image.size) == ("RGB", (64, 32))
    assert close(image.getpixel((8, 16)), RED, LOSSY)
    assert close(image.getpixel((56, 16)), BLUE, LOSSY)


@pytest.mark.parametrize("image_format", LOSSLESS)
def test_lossless_formats_are_pixel_exact(image_format: str) -> None:
    original = red_beside_blue()
    image = decode(save(original, image_format, **LOSSLESS[image_format]), LIMITS)

    assert rows(image) == rows(original)


def test_a_memoryview_is_taken() -> None:
    original = textured(9, 7)

    assert rows(decode(memoryview(save(original, "PNG")), LIMITS)) == rows(original)


@pytest.mark.parametrize("image_format", ANIMATIONS)
def test_the_first_frame_counts(image_format: str) -> None:
    encoded = save(
        Image.new("RGB", (32, 16), RED),
        image_format,
        save_all=True,
        append_images=[Image.new("RGB", (32, 16), BLUE)],
        **ANIMATIONS[image_format],
    )
    image = decode(encoded, LIMITS)

    assert (image.mode, image.size) == ("RGB", (32, 16))
    assert close(image.getpixel((16, 8)), RED, LOSSY)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("L", 77, (77, 77, 77)),
        ("LA", (100, 255), (100, 100, 100)),
        ("LA", (100, 0), (255, 255, 255)),
        ("LA", (100, 51), (224, 224, 224)),  # 0.2 · 100 + 0.8 · 255
        ("1", 0, (0, 0, 0)),
        ("1", 1, (255, 255, 255)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (10, 20, 30, 51), (206, 208, 210)),  # 0.2 · colour + 0.8 · 255
    ],
)
def test_every_mode_becomes_rgb_over_white(
    mode: str, colour: int | tuple[int, ...], expected: Rgb
) -> None:
    image = decode(save(Image.new(mode, (3, 2), colour), "PNG"), LIMITS)

    assert image.mode == "RGB"
    assert rows(image) == [[list(expected)] * 3] * 2


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_every_degree_of_transparency_is_blended_to_the_nearest_value(image_format: str) -> None:
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
    rgba = np.dstack([np.full((16, 16, 3), (10, 20, 30), np.uint8), alpha])
    encoded = save(Image.fromarray(rgba), image_format, lossless=True, exact=True)
    share = alpha[..., None] / 255
    expected = np.rint(share * np.array([10, 20, 30]) + (1 - share) * 255)

    assert rows(decode(encoded, LIMITS)) == expected.astype(int).tolist()


def palette_image() -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette([1, 2, 3, 40, 50, 60])
    image.putpixel((1, 0), 1)
    return image


@pytest.mark.parametrize(
    ("image_format", "transparency", "expected"),
    [
        ("PNG", None, [[1, 2, 3], [40, 50, 60]]),
        ("GIF", None, [[1, 2, 3], [40, 50, 60]]),
        ("PNG", 0, [[255, 255, 255], [40, 50, 60]]),
        ("GIF", 0, [[255, 255, 255], [40, 50, 60]]),
        ("PNG", bytes([0, 51]), [[255, 255, 255], [212, 214, 216]]),
    ],
)
def test_palettes_give_their_colours_and_their_transparency_becomes_white(
    image_format: str, transparency: int | bytes | None, expected: list[list[int]]
) -> None:
    options = {} if transparency is None else {"transparency": transparency}

    assert rows(decode(save(palette_image(), image_format, **options), LIMITS)) == [expected]


@pytest.mark.parametrize(
    ("depth", "colour_type", "row", "colour_key", "expected"),
    [
        (8, 0, bytes([10, 200]), struct.pack(">H", 10), [[255] * 3, [200] * 3]),
        (1, 0, bytes([0b01000000]), struct.pack(">H", 0), [[255] * 3, [255] * 3]),
        (1, 0, bytes([0b01000000]), struct.pack(">H", 1), [[0] * 3, [255] * 3]),
        (
            8,
            2,
            bytes([10, 20, 30, 10, 20, 31]),
            struct.pack(">3H", 10, 20, 30),
            [[255] * 3, [10, 20, 31]],
        ),
        # All 16 bits of the key count: the second pixel differs in its low byte alone.
        (
            16,
            0,
            struct.pack(">2H", 0x1234, 0x1235),
            struct.pack(">H", 0x1234),
            [[255] * 3, [0x12] * 3],
        ),
    ],
    ids=["grey", "bilevel-black", "bilevel-white", "rgb", "grey-16"],
)
def test_a_colour_key_becomes_white(
    depth: int, colour_type: int, row: bytes, colour_key: bytes, expected: list[list[int]]
) -> None:
    encoded = png(
        2, 1, depth=depth, colour_type=colour_type, rows=b"\0" + row, colour_key=colour_key
    )

    assert rows(decode(encoded, LIMITS)) == [expected]


def test_16_bit_greyscale_keeps_its_high_byte() -> None:
    values = (0x0000, 0x00FF, 0x0100, 0x7FFF, 0xABCD, 0xFFFF)
    encoded = png(6, 1, depth=16, colour_type=0, rows=b"\0" + struct.pack(">6H", *values))
    expected = [[high] * 3 for high in (0x00, 0x00, 0x01, 0x7F, 0xAB, 0xFF)]

    assert rows(decode(encoded, LIMITS)) == [expected]


def test_16_bit_greyscale_is_turned_upright() -> None:
    upright = np.array([[0x1111, 0x2222], [0x3333, 0x4444], [0x5555, 0x6666]], np.uint16)
    stored = Image.fromarray(np.ascontiguousarray(STORED_AS[6](upright)))
    image = decode(save(stored, "PNG", exif=exif(6)), LIMITS)

    assert np.asarray(image)[..., 0].tolist() == [[0x11, 0x22], [0x33, 0x44], [0x55, 0x66]]


def test_16_bit_rgb_keeps_its_high_bytes() -> None:
    encoded = png(
        1, 1, depth=16, colour_type=2, rows=b"\0" + struct.pack(">3H", 0x0A11, 0x14FF, 0xFF00)
    )

    assert rows(decode(encoded, LIMITS)) == [[[0x0A, 0x14, 0xFF]]]


def test_a_cmyk_jpeg_is_converted_without_colour_management() -> None:
    cyan, magenta, yellow, black = 10, 20, 30, 40
    encoded = save(Image.new("CMYK", (16, 16), (cyan, magenta, yellow, black)), "JPEG", quality=100)
    expected = [round((255 - ink) * (255 - black) / 255) for ink in (cyan, magenta, yellow)]

    assert rows(decode(encoded, LIMITS)) == [[expected] * 16] * 16


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED_AS)
def test_every_exif_orientation_is_turned_upright(orientation: int, image_format: str) -> None:
    upright = textured(5, 3)
    image = decode(rotated_twin(upright, orientation, image_format), LIMITS)

    assert image.size == (5, 3)
    assert rows(image) == rows(upright)


@pytest.mark.parametrize("image_format", ["JPEG", "AVIF"])
def test_lossy_formats_are_turned_upright_too(image_format: str) -> None:
    stored = red_beside_blue()
    image = decode(save(stored, image_format, quality=100, exif=exif(6)), LIMITS)

    # Orientation 6: column 0 of what is stored is the top of what is seen.
    assert image.size == (32, 64)
    assert close(image.getpixel((16, 8)), RED, LOSSY)
    assert close(image.getpixel((16, 56)), BLUE, LOSSY)


def test_palette_transparency_survives_the_orientation() -> None:
    encoded = save(palette_image(), "PNG", transparency=0, exif=exif(2))

    assert rows(decode(encoded, LIMITS)) == [[[40, 50, 60], [255, 255, 255]]]


BIG_ENDIAN = b"MM\0*\0\0\0\x08"

DAMAGED_EXIF = {
    "not TIFF": b"Exif\0\0garbage garbage",
    "empty": b"Exif\0\0",
    "far offset": b"Exif\0\0MM\0*\xff\xff\xff\xff",
    "65535 entries, none there": b"Exif\0\0" + BIG_ENDIAN + b"\xff\xff",
    "entry cut short": b"Exif\0\0" + BIG_ENDIAN + b"\0\x01\x01\x12\0\x03",
    "orientation is text": b"Exif\0\0"
    + BIG_ENDIAN
    + b"\0\x01\x01\x12\0\x02\0\0\0\x02x\0\0\0\0\0\0\0",
    "orientation 9": b"Exif\0\0" + BIG_ENDIAN + b"\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0\0\0\0\0",
}


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("damaged", DAMAGED_EXIF.values(), ids=DAMAGED_EXIF)
def test_damaged_exif_is_ignored(damaged: bytes, image_format: str) -> None:
    original = Image.new("RGB", (16, 8), (77, 77, 77))
    options = {"quality": 100} if image_format == "JPEG" else {"lossless": True}
    encoded = save(original, image_format, exif=damaged, **options)

    assert damaged.removeprefix(b"Exif\0\0") in encoded
    assert rows(decode(encoded, LIMITS)) == rows(original)


def test_pixels_that_stop_short_are_corrupt() -> None:
    short = png(4, 4, depth=8, colour_type=0, rows=b"\0\1\2\3")

    with pytest.raises(CorruptImage, match=r"^the image is truncated or corrupt$"):
        decode(short, LIMITS)
