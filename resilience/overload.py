"""Four times more requests than can be answered: ``python -m resilience.overload``.

The clients share the processors with the service, and sending requests that are refused
takes processor time, too. So the answers during the overload are compared with what the
service answers while the same clients send as many requests to a server that only refuses
(``resilience.refuser``): the difference is what refusing costs the service itself. A shared
machine's speed drifts, so the two follow one another in rounds, and a ratio compares neighbours.

Prints a Markdown table of what must be true and what was seen, and ends with 1 if they differ.
"""

import argparse
import asyncio
import contextlib
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, cycle
from pathlib import Path
from statistics import median

import numpy as np
import uvloop
from PIL import Image

from harness.images import save
from harness.servers import ENDS_WITH_US, PROJECT, Server, free_port, running, toy_home
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

ROUNDS = 6
SECONDS = 10.0
"""How many times, and for how many seconds, the service is overloaded."""

FACTOR = 4.0

GOODPUT = 0.9
RECOVERY_SECONDS = 5.0
"""What must be true: the share of the answers beside the refuser that come during the overload, and
the seconds after it until an answer is as fast as before."""

_CLIENTS = 16
_ALONE = 9
_AS_FAST = 2.0
_CONNECTIONS = 10_000

# Decoding this image costs about as much as a photograph and its network. Larger images would wait
# in another, shorter queue, for the decoding process.
_SIZE = (1920, 1080)


@dataclass(frozen=True)
class Round:
    """Some seconds in which another server refuses, then as many of overload.

    Attributes:
        beside: answers a second to 16 clients while ``resilience.refuser`` refuses three times as
            many.
        beside_cpu: seconds of the service's processor time for each of them.
        exchanges: of the overload.
        seconds: how long their requests were sent.
        cpu_seconds: the service's processor time until all were answered.
    """

    beside: float
    beside_cpu: float
    exchanges: Sequence[Exchange]
    seconds: float
    cpu_seconds: float

    @property
    def goodput(self) -> float:
        """Right answers a second while requests were sent."""
        in_time = [e for e in self.exchanges if e.finished <= self.seconds]
        return _right(in_time) / self.seconds

    @property
    def cost(self) -> float:
        """Processor time of the service for each right answer ÷ that beside the refuser."""
        answers = _right(self.exchanges)
        return self.cpu_seconds / answers / self.beside_cpu if answers else math.inf


@dataclass(frozen=True)
class Overload:
    """The result.

    Attributes:
        alone: answers a second to 16 clients when nobody else sends.
        offered: requests a second during the overload.
        rounds: of overload.
        recovery: seconds from the last request until an answer was as fast as before.
    """

    alone: float
    offered: float
    rounds: Sequence[Round]
    recovery: float

    def p99(self, outcome: Outcome) -> float:
        """Seconds within which 99 % of the requests that ended so were answered."""
        exchanges = chain.from_iterable(each.exchanges for each in self.rounds)
        seconds = sorted(e.latency for e in exchanges if e.outcome is outcome)
        return percentile(seconds, 0.99) if seconds else 0.0

    def evidence(self, deadline: float) -> list[Evidence]:
        """What must be true, with the figures."""
        counts = Counter(e.outcome for each in self.rounds for e in each.exchanges)
        goodput = median(each.goodput for each in self.rounds)
        share = median(each.goodput / each.beside for each in self.rounds)
        cost, p99 = median(each.cost for each in self.rounds), self.p99(Outcome.RIGHT)
        return [
            Evidence(
                f"{self.offered:.0f} requests/s, {FACTOR:g} times what {_CLIENTS} clients get "
                f"answered, {len(self.rounds)} times for {self.rounds[0].seconds:.0f} s",
                "only right answers, 503 and 504",
                ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome),
                not counts[Outcome.WRONG] + counts[Outcome.LOST],
            ),
            Evidence(
                "answers meanwhile",
                f"at least {GOODPUT:g} of those to {_CLIENTS} clients while another server "
                "refuses as many requests",
                f"{share:.2f} of them: {goodput:.1f}/s ({self.alone:.1f}/s before, when nobody "
                "sends more)",
                share >= GOODPUT,
            ),
            Evidence(
                "the service's processor time for each right answer, refusals included",
                f"at most {1 / GOODPUT:.2f} × that beside the server that refuses",
                f"{cost:.2f} ×",
                cost <= 1 / GOODPUT,
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
        self._requests = cycle([(route.request(k.image), k) for k in images])

    async def send(self) -> tuple[Outcome, str]:
        """Send the next image and judge the answer."""
        request, known = next(self._requests)
        try:
            status, body, _ = await self._connections.send(request)
        except Lost as error:
            return Outcome.LOST, str(error)
        return self._route.judged(status, body, known)


async def overload(server: Server, refuser: str, route: Route, rounds: Sequence[float]) -> Overload:
    """Measure the maximum, overload the service for some seconds in each round, and wait until it
    is as fast as before."""
    known = await asyncio.to_thread(route.learned, server.url, [_costly_image()])
    service, other = Sender(server.url, route, known), Sender(refuser, route, known)
    alone = await _answered(service, rounds[0])
    as_fast = _AS_FAST * await _latency(service)
    offered = FACTOR * alone
    made = [await _round(server, service, other, offered, seconds) for seconds in rounds]
    last_sent = time.monotonic() - max(e.finished for e in made[-1].exchanges) + rounds[-1]
    while await _latency(service) > as_fast or await asyncio.to_thread(health, server) != 200:
        pass
    return Overload(alone, offered, made, time.monotonic() - last_sent)


async def _round(
    server: Server, service: Sender, refuser: Sender, offered: float, seconds: float
) -> Round:
    refused = poisson(offered * (FACTOR - 1) / FACTOR, seconds)
    begun = cpu_seconds(server)
    beside, _ = await asyncio.gather(
        _answered(service, seconds), open_loop(refuser.send, refused, _CONNECTIONS)
    )
    between = cpu_seconds(server)
    exchanges = await open_loop(service.send, poisson(offered, seconds), _CONNECTIONS)
    ended = cpu_seconds(server)
    beside_cpu = (between - begun) / (beside * seconds)
    return Round(beside, beside_cpu, exchanges, seconds, ended - between)


async def _latency(service: Sender) -> float:
    """Median seconds of one request at a time."""
    exchanges = [(await open_loop(service.send, [0.0], 1))[0] for _ in range(_ALONE)]
    return median(each.latency for each in exchanges)


async def _answered(service: Sender, seconds: float) -> float:
    """Right answers a second to clients each of which waits for its answer."""
    return _right(await closed_loop(service.send, _CLIENTS, seconds)) / seconds


def _right(exchanges: Iterable[Exchange]) -> int:
    return sum(each.outcome is Outcome.RIGHT for each in exchanges)


def _costly_image() -> bytes:
    width, height = _SIZE
    gradient = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    return save(Image.fromarray(np.stack([gradient] * 3, axis=-1)), "PNG", compress_level=1)


@contextlib.contextmanager
def _refuser() -> Iterator[str]:
    port = free_port()
    command = [*ENDS_WITH_US, sys.executable, "-m", "resilience.refuser", str(port)]
    # Its own session keeps Ctrl-C from it: this process stops it.
    process = subprocess.Popen(command, cwd=PROJECT, start_new_session=True)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _target() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="overload-") as name:
        folder = Path(name)
        with running(toy_home(folder), folder, TWO_WORKERS) as server:
            yield server


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m resilience.overload", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of overload in each round")
    parser.add_argument("--route", choices=ROUTES, default="classify", help="that is asked")
    parser.add_argument("--record", action="store_true", help="for resilience/README.md")
    given = parser.parse_args()
    try:
        with _refuser() as refuser, _target() as server:
            route, rounds = ROUTES[given.route], [given.seconds] * given.rounds
            found = uvloop.run(overload(server, refuser, route, rounds))
    except FAILURES as error:
        sys.exit(f"error: {error}")
    rows = found.evidence(Settings().deadline)
    sys.exit(report("overload", rows, recorded=given.record))


if __name__ == "__main__":
    main()
