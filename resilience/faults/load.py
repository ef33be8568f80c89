"""Load: clients that ask for images with known answers and keep account of every request."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from typing_extensions import Self

from deployment_check.known_images import Known, Outcome, judged
from resilience.answers import toy_images
from resilience.processes import local_port

CLIENTS = 4

_TIMEOUT = 30.0
_PAUSE_AFTER_LOSS = 0.05
_CONNECTED = "connection.connect_tcp.complete"


@dataclass(frozen=True)
class Exchange:
    """One request.

    Attributes:
        begun: on ``time.monotonic()``.
        port: the client's end of its connection; None where there was no connection.
        outcome: what became of it.
        detail: of anything but a right answer.
    """

    begun: float
    port: int | None
    outcome: Outcome
    detail: str = ""


class Load:
    """Clients that send one request after another until the block ends, each on one connection.

    Args:
        url: of the server.
        clients: how many.
    """

    def __init__(self, url: str, clients: int = CLIENTS) -> None:
        self.exchanges: list[Exchange] = []
        self._stopped = threading.Event()
        self._clients = [_Client(url, number, self) for number in range(clients)]

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def stopped(self) -> bool:
        """Whether the clients were told to end."""
        return self._stopped.is_set()

    @property
    def ports(self) -> set[int]:
        """The clients' ends of their present connections."""
        return {client.port for client in self._clients if client.port is not None}

    def stop(self) -> None:
        """End after the requests in flight."""
        self._stopped.set()
        for client in self._clients:
            client.join(_TIMEOUT + 10)

    def reconnect(self) -> None:
        """Every client takes a new connection for its next request."""
        for client in self._clients:
            client.reconnect = True

    def count(self, outcome: Outcome) -> int:
        """How many requests ended so."""
        return Counter(exchange.outcome for exchange in list(self.exchanges))[outcome]

    def of(self, outcome: Outcome) -> list[Exchange]:
        """The requests that ended so."""
        return [exchange for exchange in list(self.exchanges) if exchange.outcome is outcome]


class _Client(threading.Thread):
    def __init__(self, url: str, number: int, load: Load) -> None:
        super().__init__(name=f"client {number}", daemon=True)
        self.port: int | None = None
        self.reconnect = False
        self._url = url
        self._load = load
        self._images = itertools.islice(itertools.cycle(toy_images()), number, None)

    def run(self) -> None:
        while not self._load.stopped:
            self.reconnect, self.port = False, None
            with httpx.Client(base_url=self._url, timeout=_TIMEOUT, trust_env=False) as client:
                self._converse(client)

    def _converse(self, client: httpx.Client) -> None:
        while not self._load.stopped and not self.reconnect:
            exchange = self._exchange(client, next(self._images))
            self._load.exchanges.append(exchange)
            if exchange.outcome is Outcome.LOST:
                self.port = None
                time.sleep(_PAUSE_AFTER_LOSS)

    def _exchange(self, client: httpx.Client, known: Known) -> Exchange:
        begun = time.monotonic()
        try:
            response = client.post(
                "/classify", content=known.image, extensions={"trace": self._trace}
            )
        except httpx.TransportError as error:
            return Exchange(begun, self.port, Outcome.LOST, f"{type(error).__name__}: {error}")
        outcome = judged(response.status_code, response.content, known)
        return Exchange(begun, self.port, *outcome)

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event == _CONNECTED:
            self.port = local_port(info["return_value"])
