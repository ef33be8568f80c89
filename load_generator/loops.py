"""The closed and the open loop: when requests are sent, and how their latency is measured.

In a closed loop each client waits for its answer before it sends again. This measures how much a
deployment can do. But a deployment that stalls gets fewer requests, so that the stall hardly shows
("coordinated omission").

In an open loop requests arrive at given moments, whether earlier ones were answered or not. The
latency of each counts from the moment at which it should have been sent. So it includes the wait
for a free connection and for this process.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from load_generator.known_images import Outcome

Send = Callable[[], Awaitable[tuple[Outcome, str]]]  # sends one request and waits for its answer

PATIENCE = 30.0  # seconds to wait for answers after the last arrival

PAUSE_AFTER_LOSS = 0.05
"""Seconds. Without it a client would send thousands of requests a second to a dead deployment."""


@dataclass(frozen=True)
class Exchange:
    """One request; times are seconds since the loop began."""

    scheduled: float  # when it should have been sent
    sent: float | None  # when it was sent; None if it never was
    finished: float  # when the answer was there, or the request was given up
    outcome: Outcome
    detail: str = ""  # of anything but a right answer

    @property
    def latency(self) -> float:
        """Seconds from when it should have been sent until its answer was there."""
        return self.finished - self.scheduled


async def closed_loop(
    send: Send, clients: int, seconds: float = math.inf, stopped: Callable[[], bool] = lambda: False
) -> list[Exchange]:
    """Have each client send a request as soon as its last one is answered.

    After so many seconds, or once ``stopped`` is true, no client sends another one.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    exchanges: list[Exchange] = []

    async def converse() -> None:
        while (sent := loop.time() - begun) < seconds and not stopped():
            outcome, detail = await send()
            exchanges.append(Exchange(sent, sent, loop.time() - begun, outcome, detail))
            if outcome is Outcome.LOST:
                await asyncio.sleep(PAUSE_AFTER_LOSS)

    await asyncio.gather(*(converse() for _ in range(clients)))
    return exchanges


async def open_loop(send: Send, schedule: Sequence[float], connections: int) -> list[Exchange]:
    """Send requests at given moments, or as soon after as a connection is free.

    The schedule is in seconds from now, ascending.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    free = asyncio.Semaphore(connections)
    exchanges: list[Exchange] = []

    async def exchange(scheduled: float) -> None:
        sent = None
        try:
            async with free:
                sent = loop.time() - begun
                outcome, detail = await send()
        except asyncio.CancelledError:
            outcome, detail = Outcome.LOST, f"not answered within {PATIENCE:g} s"
        exchanges.append(Exchange(scheduled, sent, loop.time() - begun, outcome, detail))

    waiting: set[asyncio.Task[None]] = set()
    for moment in schedule:
        await asyncio.sleep(max(0.0, begun + moment - loop.time()))
        task = asyncio.create_task(exchange(moment))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await _patiently(waiting)
    return sorted(exchanges, key=lambda each: each.scheduled)


async def _patiently(waiting: Collection[asyncio.Task[None]]) -> None:
    if not waiting:
        return
    _, late = await asyncio.wait(waiting, timeout=PATIENCE)
    for each in late:
        each.cancel()
    await asyncio.gather(*late)
