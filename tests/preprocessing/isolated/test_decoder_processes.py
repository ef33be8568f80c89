"""Decoding processes that end, hang or are told to end."""

import asyncio
import os
import signal
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from errors import CorruptImage, ImageTooLarge, ModelUnavailable
from harness.images import save
from preprocessing.isolated.decoder import IsolatedDecoder
from tests.preprocessing.isolated.decoding import DEAR, GIF, ask, here, processes_of, run

pytestmark = pytest.mark.slow


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
