import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from serving.drain import drain_first
from serving.health import Monitor

SECONDS = 0.2


@pytest.fixture
def closed() -> Iterator[list[int]]:
    """The signals that have reached the server's own handler."""
    signals: list[int] = []

    def close(number: int, frame: FrameType | None) -> None:
        signals.append(number)

    before = signal.signal(signal.SIGTERM, close)
    yield signals
    signal.signal(signal.SIGTERM, before)


def nothing() -> None:
    pass


async def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.01)


def test_first_not_ready_then_closed(closed: list[int]) -> None:
    async def run() -> None:
        monitor = Monitor()
        monitor.problem = None
        begun: list[bool] = []
        drain_first(monitor, SECONDS, lambda: begun.append(True))
        assert begun == []
        await terminate()
        assert (monitor.unready(), closed) == ("the service is shutting down", [])
        assert begun == [True]
        await asyncio.sleep(2 * SECONDS)
        assert closed == [signal.SIGTERM]

    asyncio.run(run())


def test_asked_twice_it_closes_at_once(closed: list[int]) -> None:
    async def run() -> None:
        drain_first(Monitor(), 3600, nothing)
        await terminate()
        assert closed == []
        await terminate()
        assert closed == [signal.SIGTERM]

    asyncio.run(run())


def test_without_time_to_drain_it_closes_at_once(closed: list[int]) -> None:
    async def run() -> None:
        begun: list[bool] = []
        drain_first(Monitor(), 0, lambda: begun.append(True))
        await terminate()
        assert (begun, closed) == ([True], [signal.SIGTERM])

    asyncio.run(run())


def test_outside_the_main_thread_signals_are_left_alone(closed: list[int]) -> None:
    async def run() -> None:
        drain_first(Monitor(), SECONDS, nothing)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("seconds", [0, SECONDS])
def test_told_before_it_takes_anything_it_ends(seconds: float) -> None:
    script = f"""
import asyncio, signal, uvicorn
from serving.drain import drain_first
from serving.health import Monitor

async def start():
    server = uvicorn.Server(uvicorn.Config(None))
    signal.signal(signal.SIGTERM, server.handle_exit)
    drain_first(Monitor(), {seconds}, print)
    print("not told", flush=True)
    signal.signal(signal.SIGTERM, server.handle_exit)
    signal.raise_signal(signal.SIGTERM)
    drain_first(Monitor(), {seconds}, print)
    print("not ended")

asyncio.run(start())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, stdout=subprocess.PIPE, text=True
    )
    assert (done.returncode, done.stdout) == (0, "not told\n")
