"""Clients that send images with known answers and record every request."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

from load_generator.connections import Connections, Lost, address, post
from load_generator.known_images import Outcome, judged
from load_generator.loops import closed_loop
from resilience.answers import toy_images

CLIENTS = 4

_TIMEOUT = 30.0

Asked = tuple[bytes, Callable[[int, bytes], tuple[Outcome, str]]]
"""A whole request, and a function that judges the status and body of its answer."""


@dataclass(frozen=True)
class Exchange:
    """One request."""

    begun: float  # on ``time.monotonic()``, as ``ended``
    ended: float
    outcome: Outcome
    detail: str = ""  # of anything but a right answer
    port: int | None = None  # the client's end of its connection; None where there was none


def toys() -> list[Asked]:
    """Requests with one image each, for the toy model."""
    return [(post("/classify", each.image), partial(judged, known=each)) for each in toy_images()]


class Load:
    """Clients that send one request after another until the block ends.

    Each has a connection of its own.
    """

    def __init__(
        self, url: str, clients: int = CLIENTS, requests: Sequence[Asked] | None = None
    ) -> None:
        self.exchanges: list[Exchange] = []
        self._clients = clients
        self._connections = Connections(*address(url), timeout=_TIMEOUT)
        self._requests = itertools.cycle(toys() if requests is None else requests)
        self._stopped = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="clients", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def ports(self) -> set[int]:
        """The clients' ports of the open connections."""
        return self._connections.ports

    def stop(self) -> None:
        """End after the requests in flight."""
        self._stopped.set()
        self._thread.join(_TIMEOUT + 10)

    def reconnect(self) -> None:
        """Have every client open a new connection for its next request."""
        self._loop.call_soon_threadsafe(self._connections.close)

    def of(self, outcome: Outcome) -> list[Exchange]:
        """The requests with this outcome."""
        return [exchange for exchange in list(self.exchanges) if exchange.outcome is outcome]

    def _run(self) -> None:
        clients = closed_loop(self._send, self._clients, stopped=self._stopped.is_set)
        self._loop.run_until_complete(clients)
        self._connections.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _send(self) -> tuple[Outcome, str]:
        (request, judge), begun = next(self._requests), time.monotonic()
        port: int | None
        try:
            status, body, port = await self._connections.send(request)
            outcome, detail = judge(status, body)
        except Lost as error:
            outcome, detail, port = Outcome.LOST, str(error), error.port
        self.exchanges.append(Exchange(begun, time.monotonic(), outcome, detail, port))
        return outcome, detail
