"""Four times more requests than can be answered: ``python -m resilience.overload``.

The clients share the processors with the service, and sending requests that are refused
takes processor time, too. So the answers during the overload are compared with what the
service answers while the same clients send as many requests to a server that only refuses
(``resilience.refuser``): the difference is what refusing costs the service itself.

Prints a Markdown table of what must be true and what was seen, and ends with 1 if they differ.
"""

import argparse
import asyncio
import contextlib
import itertools
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median

import numpy as np
import uvloop
from PIL import Image

from load_generator.arrivals import poisson
from load_generator.connections import Connections, Lost, address
from load_generator.known_images import Known, Outcome
from load_generator.latency import percentile
from load_generator.loops import Exchange, closed_loop, open_loop
from resilience.evidence import Evidence, report
from resilience.faults.scene import FAILURES, TWO_WORKERS
from resilience.processes import cpu_seconds, health
from resilience.routes import ROUTES, Route
from settings import Settings
from tests.support.servers import PROJECT, Server, free_port, running, toy_home

SECONDS = 60.0
FACTOR = 4.0

GOODPUT = 0.9
RECOVERY_SECONDS = 5.0
"""What must be true: of the answers beside the refuser, and until one is as fast as before."""

_MAXIMUM_SECONDS = 10.0
_CLIENTS = 16
_ALONE = 9
_AS_FAST = 2.0
_CONNECTIONS = 10_000

# An image of the toy's that costs about as much as a photograph and its network.
_SIZE = (2000, 1500)


@dataclass(frozen=True)
class Maximum:
    """What 16 clients, which keep the service busy, get answered.

    Attributes:
        alone: answers a second.
        beside: answers a second while ``resilience.refuser`` refuses three times as many.
        cpu_seconds: processor time of the service for each answer beside the refuser. The same
            work takes more of it on a machine that is busy.
    """

    alone: float
    beside: float
    cpu_seconds: float


@dataclass(frozen=True)
class Overload:
    """What came of it.

    Attributes:
        maximum: before or afterwards, whichever was better.
        offered: requests a second during the overload.
        exchanges: of them.
        seconds: how long they were sent.
        cpu_seconds: processor time of the service until all were answered.
        recovery: seconds from the last of them until an answer was as fast as before.
    """

    maximum: Maximum
    offered: float
    exchanges: Sequence[Exchange]
    seconds: float
    cpu_seconds: float
    recovery: float

    @property
    def cost(self) -> float:
        """Processor time of the service for each right answer ÷ that beside the refuser."""
        answers = sum(e.outcome is Outcome.RIGHT for e in self.exchanges)
        return self.cpu_seconds / answers / self.maximum.cpu_seconds if answers else math.inf

    @property
    def goodput(self) -> float:
        """Right answers a second while requests were sent."""
        in_time = [e for e in self.exchanges if e.finished <= self.seconds]
        return sum(e.outcome is Outcome.RIGHT for e in in_time) / self.seconds

    def p99(self, outcome: Outcome) -> float:
        """Seconds within which 99 % of the requests that ended so were answered."""
        seconds = sorted(e.latency for e in self.exchanges if e.outcome is outcome)
        return percentile(seconds, 0.99) if seconds else 0.0

    def evidence(self, deadline: float) -> list[Evidence]:
        """What must be true of it, with the figures."""
        counts = Counter(e.outcome for e in self.exchanges)
        share, p99 = self.goodput / self.maximum.beside, self.p99(Outcome.RIGHT)
        return [
            Evidence(
                f"{self.offered:.0f} requests/s for {self.seconds:.0f} s, {FACTOR:g} times what "
                f"{_CLIENTS} clients get answered",
                "only right answers, 503 and 504",
                ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome),
                not counts[Outcome.WRONG] + counts[Outcome.LOST],
            ),
            Evidence(
                "answers meanwhile",
                f"at least {GOODPUT:g} of those to {_CLIENTS} clients while another server "
                "refuses as many requests",
                f"{self.goodput:.1f}/s, {share:.2f} of {self.maximum.beside:.1f}/s "
                f"({self.goodput / self.maximum.alone:.2f} of {self.maximum.alone:.1f}/s, which "
                "are answered when nobody sends more)",
                share >= GOODPUT,
            ),
            Evidence(
                "the service's processor time for each right answer, refusals included",
                f"at most {1 / GOODPUT:.2f} × that beside the server that refuses",
                f"{self.cost:.2f} ×",
                self.cost <= 1 / GOODPUT,
            ),
            Evidence(
                "time of the accepted",
                f"p99 within the deadline of {deadline:g} s",
                f"p99 {p99:.2f} s; the refused: p99 {1000 * self.p99(Outcome.REFUSED):.0f} ms",
                p99 <= deadline,
            ),
            Evidence(
                "afterwards",
                f"as fast as before within {RECOVERY_SECONDS:g} s",
                f"{self.recovery:.1f} s",
                self.recovery <= RECOVERY_SECONDS,
            ),
        ]


class Sender:
    """Sends images in turn to a route of a server."""

    def __init__(self, url: str, route: Route, images: Sequence[Known]) -> None:
        self._route = route
        self._connections = Connections(*address(url), retry=True)
        self._requests = itertools.cycle([(route.request(k.image), k) for k in images])

    async def send(self) -> tuple[Outcome, str]:
        """Send the next image and judge the answer."""
        request, known = next(self._requests)
        try:
            status, body, _ = await self._connections.send(request)
        except Lost as error:
            return Outcome.LOST, str(error)
        return self._route.judged(status, body, known)


async def overload(
    server: Server, refuser: str, route: Route, images: Sequence[bytes], seconds: float
) -> Overload:
    """Measure the maximum, send several times more, and wait until all is well again."""
    known = await asyncio.to_thread(route.learned, server.url, images)
    service, other = Sender(server.url, route, known), Sender(refuser, route, known)
    before = await _maximum(server, service, other)
    as_fast = _AS_FAST * await _alone(service)
    offered = FACTOR * before.alone
    begun, used = time.monotonic(), cpu_seconds(server)
    exchanges = await open_loop(service.send, poisson(offered, seconds), _CONNECTIONS)
    used = cpu_seconds(server) - used
    while await _alone(service) > as_fast or await asyncio.to_thread(health, server) != 200:
        pass
    recovery = time.monotonic() - begun - seconds
    # Again: a machine that became faster meanwhile must not flatter.
    after = await _maximum(server, service, other)
    maximum = Maximum(
        max(before.alone, after.alone),
        max(before.beside, after.beside),
        min(before.cpu_seconds, after.cpu_seconds),
    )
    return Overload(maximum, offered, exchanges, seconds, used, recovery)


async def _alone(service: Sender) -> float:
    """Median seconds of one request at a time."""
    exchanges = [(await open_loop(service.send, [0.0], 1))[0] for _ in range(_ALONE)]
    return median(each.latency for each in exchanges)


async def _maximum(server: Server, service: Sender, refuser: Sender) -> Maximum:
    alone = await _answered(service)
    more = poisson((FACTOR - 1) * alone, _MAXIMUM_SECONDS)
    used = cpu_seconds(server)
    beside, _ = await asyncio.gather(
        _answered(service), open_loop(refuser.send, more, _CONNECTIONS)
    )
    used = cpu_seconds(server) - used
    return Maximum(alone, beside, used / (beside * _MAXIMUM_SECONDS))


async def _answered(service: Sender) -> float:
    """Right answers a second to clients each of which waits for its answer."""
    exchanges = await closed_loop(service.send, _CLIENTS, _MAXIMUM_SECONDS)
    return sum(each.outcome is Outcome.RIGHT for each in exchanges) / _MAXIMUM_SECONDS


def _costly_image() -> bytes:
    width, height = _SIZE
    gradient = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(np.stack([gradient] * 3, axis=-1)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@contextlib.contextmanager
def _refuser() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "resilience.refuser", str(port)]
    process = subprocess.Popen(command, cwd=PROJECT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _target(home: Path | None, photographs: Path | None) -> Iterator[tuple[Server, list[bytes]]]:
    with tempfile.TemporaryDirectory(prefix="overload-") as name:
        folder = Path(name)
        found = sorted(photographs.glob("*.[jJ][pP]*")) if photographs else []
        with running(home or toy_home(folder), folder, TWO_WORKERS) as server:
            yield server, [file.read_bytes() for file in found] or [_costly_image()]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m resilience.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--route", choices=ROUTES, default="classify", help="that is asked")
    parser.add_argument("--home", type=Path, help="BentoML's, with the model to serve")
    parser.add_argument("--photographs", type=Path, help="folder of JPEGs to send")
    parser.add_argument("--record", action="store_true", help="for resilience/README.md")
    given = parser.parse_args()
    try:
        with _refuser() as refuser, _target(given.home, given.photographs) as (server, images):
            route = ROUTES[given.route]
            found = uvloop.run(overload(server, refuser, route, images, given.seconds))
    except FAILURES as error:
        sys.exit(f"error: {error}")
    rows = found.evidence(Settings().deadline)
    sys.exit(report("overload", rows, recorded=given.record))


if __name__ == "__main__":
    main()
