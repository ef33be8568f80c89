import asyncio
import os
import signal
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


async def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.01)


def test_first_not_ready_then_closed(closed: list[int]) -> None:
    async def run() -> None:
        monitor = Monitor()
        monitor.problem = None
        drain_first(monitor, SECONDS)
        await terminate()
        assert (monitor.unready(), closed) == ("the service is shutting down", [])
        await asyncio.sleep(2 * SECONDS)
        assert closed == [signal.SIGTERM]

    asyncio.run(run())


def test_asked_twice_it_closes_at_once(closed: list[int]) -> None:
    async def run() -> None:
        drain_first(Monitor(), 3600)
        await terminate()
        assert closed == []
        await terminate()
        assert closed == [signal.SIGTERM]

    asyncio.run(run())


def test_without_time_to_drain_it_closes_at_once(closed: list[int]) -> None:
    async def run() -> None:
        monitor = Monitor()
        drain_first(monitor, 0)
        await terminate()
        assert (monitor.draining, closed) == (False, [signal.SIGTERM])

    asyncio.run(run())


def test_outside_the_main_thread_signals_are_left_alone(closed: list[int]) -> None:
    async def run() -> None:
        drain_first(Monitor(), SECONDS)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
