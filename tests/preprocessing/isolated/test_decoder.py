import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from errors import (
    ClassifierError,
    CorruptImage,
    DeadlineExceeded,
    ImageTooLarge,
    ModelUnavailable,
    Overloaded,
    UnsupportedImage,
)
from hostile.images.files import BOMBS
from preprocessing import DecodeLimits, decode_scaled, transform
from preprocessing.budget import DecodeBudget
from preprocessing.isolated.decoder import MAX_WAITING, IsolatedDecoder
from preprocessing.isolated.messages import Setup
from preprocessing.pixels import Picture
from tests.support.images import exif, preprocessing, save, textured

pytestmark = pytest.mark.slow

LIMITS = DecodeLimits(max_pixels=25_000_000, max_aspect_ratio=20.0)
WANTED = preprocessing(64, 48)
MEGABYTE = 1_000_000
DEAR = BOMBS["JPEG of 25 MP with 5,000 scans"].make()
GIF = save(textured(90, 70), "GIF")


@asynccontextmanager
async def decoder(memory_bytes: int = 300 * MEGABYTE) -> AsyncIterator[IsolatedDecoder]:
    isolated = IsolatedDecoder(Setup(WANTED, LIMITS, 160, memory_bytes, 20 * MEGABYTE))
    isolated.start()
    try:
        yield isolated
    finally:
        await isolated.close()


def run(
    test: Callable[[IsolatedDecoder], Awaitable[Any]], memory_bytes: int = 300 * MEGABYTE
) -> Any:
    async def with_decoder() -> Any:
        async with decoder(memory_bytes) as isolated:
            return await test(isolated)

    return asyncio.run(with_decoder())


async def ask(
    isolated: IsolatedDecoder, encoded: bytes, *, budget: float = 30.0, seconds: float = 60.0
) -> Any:
    """Pixels, or the error."""
    try:
        return await isolated.pixels(encoded, DecodeBudget(budget), time.monotonic() + seconds)
    except ClassifierError as error:
        return error


def here(encoded: bytes) -> np.ndarray[Any, Any]:
    decoded = decode_scaled(encoded, LIMITS, 160)
    return transform(decoded.image, WANTED, decoded.box)


def processes_of(isolated: IsolatedDecoder) -> list[psutil.Process]:
    """Its keeper and, behind it, the decoding process."""
    assert isolated._process is not None
    keeper = psutil.Process(isolated._process.keeper.pid)
    return [keeper, *keeper.children()]


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


@pytest.mark.parametrize(
    "last",
    [GIF[:-200], save(Image.new("RGBA", (4000, 4000)), "PNG", compress_level=1)],
    ids=["corrupt", "large"],
)
def test_a_process_that_gave_an_image_up_or_took_much_memory_is_replaced(last: bytes) -> None:
    async def test(isolated: IsolatedDecoder) -> Any:
        await ask(isolated, GIF)
        keeper, process = processes_of(isolated)
        await ask(isolated, last)
        pixels = await ask(isolated, GIF)
        after = processes_of(isolated)
        assert after[0] == keeper
        assert after[1] != process
        return pixels

    assert np.array_equal(run(test), here(GIF))


def test_errors_keep_their_messages() -> None:
    wide = save(Image.new("RGB", (2100, 100)), "GIF")

    errors = run(lambda isolated: asyncio.gather(*(ask(isolated, e) for e in (GIF[:-200], wide))))

    assert [type(errors[0]), str(errors[1])] == [
        CorruptImage,
        "the image is 2100 x 100, its sides differ by more than the limit of 1:20",
    ]


def test_processor_time_is_bounded_and_the_next_image_is_decoded() -> None:
    async def test(isolated: IsolatedDecoder) -> list[Any]:
        budget = DecodeBudget(0.2)
        with pytest.raises(ImageTooLarge) as caught:
            await isolated.pixels(DEAR, budget, time.monotonic() + 60)
        assert budget.seconds == 0.0
        return [str(caught.value), await ask(isolated, GIF)]

    message, pixels = run(test)
    assert message == "decoding the images of the request takes more than 0.2 s of processor time"
    assert np.array_equal(pixels, here(GIF))


def test_what_decoding_takes_is_counted() -> None:
    async def test(isolated: IsolatedDecoder) -> float:
        budget = DecodeBudget(5.0)
        await isolated.pixels(save(textured(2000, 1500), "GIF"), budget, time.monotonic() + 60)
        return budget.seconds

    assert 0.0 < run(test) < 5.0


def test_what_a_process_took_that_ended_otherwise_is_counted() -> None:
    async def test(isolated: IsolatedDecoder) -> float:
        await ask(isolated, DEAR, budget=0.5)
        budget = DecodeBudget(30.0)
        dear = asyncio.create_task(isolated.pixels(DEAR, budget, time.monotonic() + 60))
        await asyncio.sleep(1)
        process = processes_of(isolated)[1]
        process.send_signal(signal.SIGSEGV)
        with pytest.raises(CorruptImage):
            await dear
        return budget.seconds

    assert 0.0 < run(test) < 30.0


def test_a_deadline_that_has_passed_decodes_nothing_and_ends_nothing() -> None:
    async def test(isolated: IsolatedDecoder) -> list[Any]:
        await ask(isolated, GIF)
        processes = processes_of(isolated)
        late = await ask(isolated, GIF, seconds=-5.0)
        assert processes_of(isolated) == processes
        return [late, await ask(isolated, GIF)]

    late, pixels = run(test)
    assert isinstance(late, DeadlineExceeded)
    assert np.array_equal(pixels, here(GIF))


def test_a_large_image_is_decoded_and_leaves_no_memory() -> None:
    large = GIF + bytes(19 * MEGABYTE)
    others = set(_shared_files())

    async def test(isolated: IsolatedDecoder) -> list[Any]:
        pixels = [await ask(isolated, large), await ask(isolated, GIF)]
        (file,) = set(_shared_files()) - others
        assert file.stat().st_blocks * 512 < MEGABYTE
        return pixels

    assert all(np.array_equal(pixels, here(GIF)) for pixels in run(test))


def _shared_files() -> list[Path]:
    descriptors = [each for each in Path("/proc/self/fd").iterdir() if each.exists()]
    return [each for each in descriptors if "memfd:image-classifier" in str(each.readlink())]


def test_an_empty_budget_decodes_nothing() -> None:
    assert isinstance(run(lambda isolated: ask(isolated, GIF, budget=0.0)), ImageTooLarge)


def test_memory_is_bounded_and_the_next_image_is_decoded() -> None:
    transparent = save(Image.new("RGBA", (4000, 4000)), "PNG", compress_level=1)

    async def test(isolated: IsolatedDecoder) -> list[Any]:
        return [await ask(isolated, each) for each in (transparent, GIF, transparent, GIF)]

    first, second, third, fourth = run(test, memory_bytes=100 * MEGABYTE)
    assert np.array_equal(second, here(GIF))
    assert np.array_equal(fourth, here(GIF))
    assert type(first) is type(third) is ImageTooLarge
    assert str(first) == "decoding the image takes more than 100000000 bytes of memory"


def test_a_deadline_ends_the_process() -> None:
    async def test(isolated: IsolatedDecoder) -> list[Any]:
        await ask(isolated, GIF)
        return [await ask(isolated, DEAR, seconds=0.3), await ask(isolated, GIF)]

    error, pixels = run(test)
    assert isinstance(error, DeadlineExceeded)
    assert np.array_equal(pixels, here(GIF))


def test_who_waits_too_long_is_told_so() -> None:
    async def test(isolated: IsolatedDecoder) -> list[Any]:
        dear = asyncio.create_task(ask(isolated, DEAR, budget=1.0))
        await asyncio.sleep(0)
        late = await ask(isolated, GIF, seconds=0.1)
        return [late, await dear, await ask(isolated, GIF)]

    late, dear, pixels = run(test)
    assert (type(late), type(dear)) == (DeadlineExceeded, ImageTooLarge)
    assert np.array_equal(pixels, here(GIF))


def test_a_client_that_leaves_costs_nobody_else_the_process() -> None:
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


def test_only_so_many_wait() -> None:
    async def test(isolated: IsolatedDecoder) -> list[Any]:
        return await asyncio.gather(*(ask(isolated, GIF) for _ in range(MAX_WAITING + 3)))

    outcomes = run(test)
    refused = [each for each in outcomes if isinstance(each, Overloaded)]
    # One has its turn at once.
    assert len(refused) == 2
    assert refused[0].headers == {"retry-after": "1"}


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_process_that_ends_otherwise_is_replaced(number: signal.Signals) -> None:
    async def test(isolated: IsolatedDecoder) -> list[Any]:
        await ask(isolated, GIF)
        dear = asyncio.create_task(ask(isolated, DEAR))
        await asyncio.sleep(0.2)
        keeper, process = processes_of(isolated)
        assert process.ppid() == keeper.pid
        os.kill(process.pid, number)
        return [await dear, await ask(isolated, GIF)]

    error, pixels = run(test)
    assert type(error) is (CorruptImage if number == signal.SIGSEGV else ImageTooLarge)
    assert np.array_equal(pixels, here(GIF))


def test_a_keeper_that_ends_is_started_again() -> None:
    async def test(isolated: IsolatedDecoder) -> list[Any]:
        await ask(isolated, GIF)
        for process in processes_of(isolated):
            process.kill()
        return [await ask(isolated, GIF), await ask(isolated, GIF)]

    error, pixels = run(test)
    assert isinstance(error, ModelUnavailable)
    assert np.array_equal(pixels, here(GIF))


def test_a_signal_to_every_process_ends_no_image() -> None:
    async def test(isolated: IsolatedDecoder) -> Any:
        await ask(isolated, GIF)
        for process in processes_of(isolated):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                process.send_signal(number)
        return await ask(isolated, GIF)

    assert np.array_equal(run(test), here(GIF))


def test_a_process_of_a_killed_keeper_ends_when_it_does_not_answer() -> None:
    async def test(isolated: IsolatedDecoder) -> list[Any]:
        await ask(isolated, GIF)
        keeper, process = processes_of(isolated)
        process.suspend()
        keeper.kill()
        error = await ask(isolated, GIF, seconds=0.2)
        pixels = await ask(isolated, GIF)
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        return [error, pixels]

    error, pixels = run(test)
    assert isinstance(error, ModelUnavailable)
    assert np.array_equal(pixels, here(GIF))


def test_an_image_larger_than_a_body_is_refused() -> None:
    error = run(lambda isolated: ask(isolated, bytes(20 * MEGABYTE + 1)))

    assert str(error) == "the image has more than 20000000 bytes"


def test_the_process_opens_no_file_and_ends_with_the_decoder() -> None:
    async def test(isolated: IsolatedDecoder) -> list[psutil.Process]:
        await ask(isolated, GIF)
        keeper, process = processes_of(isolated)
        assert process.nice() == psutil.Process().nice() + 5
        if psutil.LINUX:
            assert process.rlimit(psutil.RLIMIT_NOFILE) == (0, 0)
            assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
        return [keeper, process]

    _, alive = psutil.wait_procs(run(test), timeout=10)
    assert alive == []


def test_closing_answers_who_waits_and_refuses_who_comes() -> None:
    async def test() -> list[Any]:
        async with decoder() as isolated:
            waiting = [asyncio.create_task(ask(isolated, GIF)) for _ in range(3)]
            await asyncio.sleep(0.05)
        return [*await asyncio.gather(*waiting), await ask(isolated, GIF)]

    *answered, refused = asyncio.run(test())
    assert all(np.array_equal(each, here(GIF)) for each in answered)
    assert isinstance(refused, ModelUnavailable)
