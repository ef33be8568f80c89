import asyncio
import random
import struct
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from errors import CorruptImage, ExtremeAspectRatio, ImageError, ImageTooLarge, UnsupportedImage
from harness.images import exif, save, textured
from hostile.images.heic import QUICKLY
from preprocessing import decode_scaled, stored_size, transform
from preprocessing.isolated.decoder import IsolatedDecoder
from preprocessing.isolated.formats import FORMATS, format_of, install, refusal
from tests.preprocessing.isolated.decoding import LIMITS, WANTED, ask, here, run

HEIC_START = b"\0\0\0\x1cftypheic\0\0\0\0mif1heic"
PIECES, FLIPS = 16, 48


@pytest.fixture(scope="module")
def heif() -> Any:
    library = pytest.importorskip("pillow_heif")
    install()
    return library


def heic(image: Image.Image, **options: Any) -> bytes:
    return save(image, "HEIF", enc_params=dict(QUICKLY), **options)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"heim", b"hevc", b"mif1", b"msf1"])
def test_without_the_extra_a_heic_is_unsupported_and_says_so(brand: bytes) -> None:
    error = refusal(b"\0\0\0\x1cftyp" + brand, FORMATS)

    assert isinstance(error, UnsupportedImage)
    assert error.message == (
        "HEIC is not supported without the service's extra 'heic'; "
        "supported are AVIF, GIF, JPEG, PNG, WEBP"
    )


def test_with_the_extra_a_heic_that_is_not_opened_is_corrupt(heif: Any) -> None:
    taken = install()

    assert taken == (*FORMATS, "HEIF")
    assert isinstance(refusal(HEIC_START, taken), CorruptImage)
    assert refusal(b"text", taken).message == (
        "not an image in a supported format (AVIF, GIF, HEIC, JPEG, PNG, WEBP)"
    )


def test_a_missing_package_leaves_the_other_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    assert install() == FORMATS


def half_blue() -> Image.Image:
    """Its left half."""
    image = Image.new("RGB", (64, 32), (200, 10, 10))
    image.paste((10, 10, 200), (0, 0, 32, 32))
    return image


def test_a_heic_that_says_twice_how_to_turn_it_is_turned_once(heif: Any) -> None:
    """As phones write it: in the container and in its EXIF data."""
    encoded = heic(half_blue(), exif=exif(6).tobytes())
    assert b"irot" in encoded

    turned = decode_scaled(encoded, LIMITS, None, install()).image

    assert turned.size == (32, 64)
    assert np.abs(np.asarray(turned)[4, 16].astype(int) - (10, 10, 200)).max() < 40


def test_exif_data_alone_does_not_turn_a_heic(heif: Any) -> None:
    """ISO/IEC 23008-12: only the container counts."""
    encoded = heic(half_blue(), exif=exif(6))
    assert b"irot" not in encoded

    assert decode_scaled(encoded, LIMITS, None, install()).image.size == (64, 32)


def test_transparency_shows_white(heif: Any) -> None:
    image = Image.new("RGBA", (32, 32), (200, 10, 10, 0))

    shown = decode_scaled(heic(image), LIMITS, None, install()).image

    assert np.asarray(shown).min() > 245


def test_the_size_of_a_heic_is_told(heif: Any) -> None:
    assert stored_size(heic(textured(96, 64))) == (96, 64)


@pytest.mark.parametrize("name", FORMATS)
def test_the_start_of_a_file_tells_its_format(name: str) -> None:
    image = save(textured(16, 16), name)
    assert format_of(image) == format_of(memoryview(image)) == name.lower()


def test_the_start_of_a_heic_tells_its_format(heif: Any) -> None:
    assert format_of(heic(textured(96, 64))) == "heic"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "I;16"])
def test_a_heic_is_decoded_in_the_isolated_process_only(mode: str, heif: Any) -> None:
    image = textured(900, 500)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) << 8)
    encoded = heic(image if mode == "I;16" else image.convert(mode))

    pixels = run(lambda isolated: ask(isolated, encoded))

    decoded = decode_scaled(encoded, LIMITS, 160, install())
    assert decoded.image.size == (900, 500)
    assert np.array_equal(pixels, transform(decoded.image, WANTED, decoded.box))
    with pytest.raises(UnsupportedImage):
        here(encoded)


@pytest.mark.slow
def test_every_limit_holds_for_a_heic(heif: Any) -> None:
    small = heic(textured(96, 64))
    wide = heic(Image.new("RGB", (2200, 64)))
    large = heic(Image.new("RGB", (5200, 5200)), quality=1)
    dear = heic(Image.new("RGB", (4000, 4000)), quality=1)

    async def test(isolated: IsolatedDecoder) -> list[Any]:
        errors = [await ask(isolated, each) for each in (wide, large)]
        return [*errors, await ask(isolated, dear, budget=0.01), await ask(isolated, small[:-9])]

    assert [type(error) for error in run(test)] == [
        ExtremeAspectRatio,
        ImageTooLarge,
        ImageTooLarge,
        CorruptImage,
    ]


@pytest.mark.slow
def test_memory_is_bounded(heif: Any) -> None:
    encoded = heic(Image.new("RGB", (4000, 4000)), quality=1)

    error = run(lambda isolated: ask(isolated, encoded), memory_bytes=40_000_000)

    assert isinstance(error, ImageTooLarge | CorruptImage)


def damaged(encoded: bytes) -> list[bytes]:
    """Cut short, with bits turned over, and with another size than is coded."""
    chance = random.Random(0)
    found = [encoded[: len(encoded) * piece // PIECES] for piece in range(PIECES)]
    for _ in range(FLIPS):
        content = bytearray(encoded)
        # Most of them in the container, at the start of the file.
        content[chance.randrange(min(len(content), 600))] ^= 1 << chance.randrange(8)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        found.append(bytes(content))
    size = struct.pack(">II", 96, 64)
    at = encoded.index(b"ispe") + 8
    assert encoded[at : at + 8] == size
    for wide, high in ((97, 64), (96, 6400), (2**31 - 1, 2**31 - 1), (0, 0)):
        found.append(encoded[:at] + struct.pack(">II", wide, high) + encoded[at + 8 :])
    return found


@pytest.mark.slow
def test_a_damaged_heic_harms_nobody(heif: Any) -> None:
    encoded = heic(textured(96, 64))
    gif = save(textured(90, 70), "GIF")

    async def test(isolated: IsolatedDecoder) -> list[Any]:
        found = [await ask(isolated, each) for each in damaged(encoded)]
        after = await asyncio.gather(*(ask(isolated, each) for each in (encoded, gif)))
        assert all(isinstance(each, np.ndarray) for each in after)
        return found

    found = run(test)
    assert {each.shape for each in found if isinstance(each, np.ndarray)} <= {WANTED.pixels_shape}
    errors = [each for each in found if not isinstance(each, np.ndarray)]
    assert all(isinstance(each, ImageError) for each in errors)
    assert all(isinstance(each, ImageError) for each in found[:PIECES])
