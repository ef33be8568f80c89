"""How much time and memory an image may take, and how many may wait."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from errors import CorruptImage, DeadlineExceeded, ImageTooLarge, Overloaded
from harness.images import save, textured
from preprocessing.budget import DecodeBudget
from preprocessing.isolated.decoder import MAX_WAITING, IsolatedDecoder
from tests.preprocessing.isolated.decoding import DEAR, GIF, MEGABYTE, ask, here, processes_of, run

pytestmark = pytest.mark.slow


def test_processor_time_is_bounded_and_the_next_image_is_decoded() -> None:
    async def test(isolated: IsolatedDecoder) -> list[Any]:
        budget = DecodeBudget(0.2)
        with pytest.raises(ImageTooLarge) as caught:
            await isolated.picture(DEAR, budget, time.monotonic() + 60)
        assert budget.seconds == 0.0
        return [str(caught.value), await ask(isolated, GIF)]

    message, pixels = run(test)
    assert message == "decoding the images of the request takes more than 0.2 s of processor time"
    assert np.array_equal(pixels, here(GIF))


def test_what_decoding_takes_is_counted() -> None:
    async def test(isolated: IsolatedDecoder) -> float:
        budget = DecodeBudget(5.0)
        await isolated.picture(save(textured(1000, 750), "GIF"), budget, time.monotonic() + 60)
        return budget.seconds

    assert 0.0 < run(test) < 5.0


def test_what_a_process_took_that_ended_otherwise_is_counted() -> None:
    async def test(isolated: IsolatedDecoder) -> float:
        await ask(isolated, DEAR, budget=0.5)
        budget = DecodeBudget(30.0)
        dear = asyncio.create_task(isolated.picture(DEAR, budget, time.monotonic() + 60))
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


def test_an_image_that_waits_too_long_is_refused() -> None:
    async def test(isolated: IsolatedDecoder) -> list[Any]:
        dear = asyncio.create_task(ask(isolated, DEAR, budget=1.0))
        await asyncio.sleep(0)
        late = await ask(isolated, GIF, seconds=0.1)
        return [late, await dear, await ask(isolated, GIF)]

    late, dear, pixels = run(test)
    assert (type(late), type(dear)) == (DeadlineExceeded, ImageTooLarge)
    assert np.array_equal(pixels, here(GIF))


def test_an_image_that_comes_as_a_turn_ends_waits_no_longer_than_its_deadline() -> None:
    async def test(isolated: IsolatedDecoder) -> Any:
        await isolated._turn.acquire()
        first = asyncio.create_task(isolated._take_turn(time.monotonic() + 60))
        await asyncio.sleep(0)
        # The turn is free for a moment, in which the first one has not taken it yet.
        asyncio.get_running_loop().call_soon(isolated._turn.release)
        late = asyncio.create_task(ask(isolated, GIF, seconds=0.1))
        await first
        found = await asyncio.wait_for(late, 30)
        isolated._turn.release()
        return found

    assert isinstance(run(test), DeadlineExceeded)


def test_only_so_many_wait() -> None:
    async def test(isolated: IsolatedDecoder) -> list[Any]:
        return await asyncio.gather(*(ask(isolated, GIF) for _ in range(MAX_WAITING + 3)))

    outcomes = run(test)
    refused = [each for each in outcomes if isinstance(each, Overloaded)]
    # One has its turn at once.
    assert len(refused) == 2
    assert refused[0].headers == {"retry-after": "1"}


def test_an_image_larger_than_a_body_is_refused() -> None:
    error = run(lambda isolated: ask(isolated, bytes(20 * MEGABYTE + 1)))

    assert str(error) == "the image has more than 20000000 bytes"
