"""Times counted in the closed and the open loop, worked out by hand on a virtual clock."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from itertools import pairwise
from typing import Any, TypeVar

import pytest

from load_generator.known_images import Outcome
from load_generator.loops import PATIENCE, PAUSE_AFTER_LOSS, Exchange, closed_loop, open_loop

Result = TypeVar("Result")
Answer = tuple[Outcome, str]
RIGHT = (Outcome.RIGHT, "")


class _Jumping(selectors.DefaultSelector):
    """Jumps to the next thing to do instead of waiting for it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everything waits for ever"
        self.now += max(0.0, timeout)
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time starts at 0 s and passes only while everybody sleeps, or by `stall`."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def stall(self, seconds: float) -> None:
        """As if this process had been kept from running."""
        self._jumping.now += seconds


def run(main: Coroutine[Any, Any, Result]) -> Result:
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


def stall(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.stall(seconds)


def one_at_a_time(*seconds: float) -> Callable[[], Awaitable[Answer]]:
    """A server that answers in the order asked, each request after some seconds of its own."""
    times, busy = iter(seconds), asyncio.Lock()

    async def send() -> Answer:
        async with busy:
            await asyncio.sleep(next(times))
        return RIGHT

    return send


def times(exchanges: Iterable[Exchange]) -> list[tuple[float, float | None, float, float]]:
    return [(e.scheduled, e.sent, e.finished, e.latency) for e in exchanges]


def test_a_stall_counts_for_every_request_that_was_due() -> None:
    # The first takes 3 s, the others 1 s each: they end at 3, 4 and 5 s.
    exchanges = run(open_loop(one_at_a_time(3, 1, 1), [0.0, 1.0, 2.0], connections=8))
    assert times(exchanges) == [(0, 0, 3, 3), (1, 1, 4, 3), (2, 2, 5, 3)]


def test_waiting_for_a_free_connection_is_counted() -> None:
    # On one connection each is sent when the one before is answered: 1 s after that each
    # has its answer, and would be counted so from its sending.
    exchanges = run(open_loop(one_at_a_time(3, 1, 1), [0.0, 1.0, 2.0], connections=1))
    assert times(exchanges) == [(0, 0, 3, 3), (1, 3, 4, 3), (2, 4, 5, 3)]


def test_what_this_process_is_late_is_counted() -> None:
    async def send() -> Answer:
        stall(2.0)
        await asyncio.sleep(0.5)
        return RIGHT

    # Kept from running from 1 s to 3 s, it sends at 3 s what was due at 1.5 s.
    exchanges = run(open_loop(send, [1.0, 1.5], connections=8))
    assert times(exchanges) == [(1, 1, 5, 4), (1.5, 3, 5.5, 4)]


def test_no_request_is_late_when_the_service_is_fast_enough() -> None:
    exchanges = run(open_loop(one_at_a_time(0.25, 0.25), [0.5, 1.0], connections=8))
    assert times(exchanges) == [(0.5, 0.5, 0.75, 0.25), (1, 1, 1.25, 0.25)]


def test_what_is_never_answered_is_lost_after_a_while() -> None:
    async def send() -> Answer:
        await asyncio.sleep(3600)
        return RIGHT

    first, second = run(open_loop(send, [0.0, 1.0], connections=1))
    end = 1.0 + PATIENCE
    assert (first.outcome, first.sent, first.finished) == (Outcome.LOST, 0.0, end)
    assert (second.outcome, second.sent, second.latency) == (Outcome.LOST, None, PATIENCE)
    assert first.detail == "not answered within 30 s"


def test_nothing_to_send() -> None:
    assert run(open_loop(one_at_a_time(), [], connections=8)) == []


def test_in_a_closed_loop_every_client_waits_for_its_answer() -> None:
    # Two clients share a server that takes 1 s: each waits for the other, too. Nobody asks
    # again after 2.5 s, and what was asked is waited for.
    exchanges = run(closed_loop(one_at_a_time(*[1.0] * 9), clients=2, seconds=2.5))
    assert times(exchanges) == [(0, 0, 1, 1), (0, 0, 2, 2), (1, 1, 3, 2), (2, 2, 4, 2)]


def test_a_lost_request_is_followed_by_a_pause() -> None:
    async def send() -> Answer:
        await asyncio.sleep(0.0)
        return Outcome.LOST, "gone"

    exchanges = run(closed_loop(send, clients=1, seconds=10 * PAUSE_AFTER_LOSS))
    assert len(exchanges) in (10, 11)
    gaps = [b.scheduled - a.scheduled for a, b in pairwise(exchanges)]
    assert gaps == pytest.approx([PAUSE_AFTER_LOSS] * len(gaps))
