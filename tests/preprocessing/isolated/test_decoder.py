"""Pixels and errors of the decoding process, for each of its callers."""

import asyncio
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from errors import CorruptImage, ModelUnavailable, UnsupportedImage
from harness.images import exif, save, textured
from preprocessing.budget import DecodeBudget
from preprocessing.isolated.decoder import IsolatedDecoder
from preprocessing.pixels import Picture
from tests.preprocessing.isolated.decoding import GIF, ask, decoder, here, processes_of, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("image_format", ["AVIF", "GIF", "JPEG", "MPO", "PNG", "WEBP"])
def test_pixels_are_those_that_decoding_in_place_gives(image_format: str) -> None:
    encoded = save(textured(900, 500), image_format)

    pixels = run(lambda isolated: ask(isolated, encoded))

    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, here(encoded))


def test_the_size_of_the_photograph_comes_with_its_pixels() -> None:
    jpeg = save(textured(900, 500), "JPEG", exif=exif(6))

    async def test(isolated: IsolatedDecoder) -> Picture:
        return await isolated.picture(jpeg, DecodeBudget(30.0), time.monotonic() + 60)

    found = run(test)
    assert (found.width, found.height) == (500, 900)
    assert np.array_equal(found.pixels, here(jpeg))


def test_one_process_decodes_one_image_after_the_other() -> None:
    async def test(isolated: IsolatedDecoder) -> list[Any]:
        first = await ask(isolated, GIF)
        processes = processes_of(isolated)
        several = await asyncio.gather(*(ask(isolated, each) for each in (GIF, b"text", GIF)))
        assert processes_of(isolated) == processes
        return [first, *several]

    first, second, error, third = run(test)
    assert all(np.array_equal(pixels, here(GIF)) for pixels in (first, second, third))
    assert isinstance(error, UnsupportedImage)


def test_errors_keep_their_messages() -> None:
    wide = save(Image.new("RGB", (2100, 100)), "GIF")

    errors = run(lambda isolated: asyncio.gather(*(ask(isolated, e) for e in (GIF[:-200], wide))))

    assert [type(errors[0]), str(errors[1])] == [
        CorruptImage,
        "the image is 2100 x 100, its sides differ by more than the limit of 1:20",
    ]


def test_a_client_that_leaves_does_not_end_the_process() -> None:
    async def test(isolated: IsolatedDecoder) -> Any:
        await ask(isolated, GIF)
        processes = processes_of(isolated)
        left = asyncio.create_task(ask(isolated, GIF))
        await asyncio.sleep(0)
        left.cancel()
        pixels = await ask(isolated, GIF)
        assert processes_of(isolated) == processes
        return pixels

    assert np.array_equal(run(test), here(GIF))


def test_closing_answers_waiting_images_and_refuses_later_ones() -> None:
    async def test() -> list[Any]:
        async with decoder() as isolated:
            waiting = [asyncio.create_task(ask(isolated, GIF)) for _ in range(3)]
            await asyncio.sleep(0.05)
        return [*await asyncio.gather(*waiting), await ask(isolated, GIF)]

    *answered, refused = asyncio.run(test())
    assert all(np.array_equal(each, here(GIF)) for each in answered)
    assert isinstance(refused, ModelUnavailable)
