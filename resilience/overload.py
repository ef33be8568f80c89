"""Four times more requests than can be answered: ``python -m resilience.overload``.

Prints a Markdown table of what must be true and what was seen, and ends with 1 if they differ.
"""

import argparse
import asyncio
import contextlib
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
from PIL import Image

from deployment_check.load.arrivals import poisson
from deployment_check.load.latency import percentile
from resilience.evidence import Evidence, record, table
from resilience.faults.scene import FAILURES, TWO_WORKERS
from resilience.open_loop import Answer, OpenLoop
from resilience.processes import health
from settings import Settings
from tests.support.servers import Server, running, toy_home

SECONDS = 60.0
FACTOR = 4.0

GOODPUT = 0.9
RECOVERY_SECONDS = 5.0
"""What must be true: of the unloaded maximum, and until an answer is as fast as before."""

_MAXIMUM_SECONDS = 10.0
_CLIENTS = 16
_ALONE = 9
_AS_FAST = 2.0

# An image of the toy's that costs about as much as a photograph and its network.
_SIZE = (2000, 1500)


@dataclass(frozen=True)
class Overload:
    """What came of it.

    Attributes:
        maximum: answers a second of as many clients as keep the service busy, no more; before
            or afterwards, whichever was more.
        offered: requests a second during the overload.
        answers: to them.
        seconds: how long they were sent.
        recovery: seconds from the last of them until an answer was as fast as before.
    """

    maximum: float
    offered: float
    answers: Sequence[Answer]
    seconds: float
    recovery: float

    @property
    def statuses(self) -> Counter[int]:
        """How many of each."""
        return Counter(answer.status for answer in self.answers)

    @property
    def goodput(self) -> float:
        """Right answers a second while requests were sent."""
        in_time = [a for a in self.answers if a.status == 200 and a.due + a.seconds <= self.seconds]
        return len(in_time) / self.seconds

    def p99(self, *statuses: int) -> float:
        """Seconds within which 99 % of the answers of these statuses came."""
        seconds = sorted(a.seconds for a in self.answers if a.status in statuses)
        return percentile(seconds, 0.99) if seconds else 0.0

    def evidence(self, deadline: float) -> list[Evidence]:
        """What must be true of it, with the figures."""
        others = {s: n for s, n in self.statuses.items() if s not in (200, 503, 504)}
        share, p99 = self.goodput / self.maximum, self.p99(200)
        return [
            Evidence(
                f"{self.offered:.0f} requests/s for {self.seconds:.0f} s, {FACTOR:g} times what "
                f"{_CLIENTS} clients get answered",
                "only statuses 200, 503 and 504",
                f"{dict(sorted(self.statuses.items()))}",
                not others,
            ),
            Evidence(
                "answers meanwhile",
                f"at least {GOODPUT:g} of the unloaded maximum",
                f"{self.goodput:.1f}/s, {share:.2f} of {self.maximum:.1f}/s",
                share >= GOODPUT,
            ),
            Evidence(
                "time of the accepted",
                f"p99 within the deadline of {deadline:g} s",
                f"p99 {p99:.2f} s; the refused: p99 {1000 * self.p99(503):.0f} ms",
                p99 <= deadline,
            ),
            Evidence(
                "afterwards",
                f"as fast as before within {RECOVERY_SECONDS:g} s",
                f"{self.recovery:.1f} s",
                self.recovery <= RECOVERY_SECONDS,
            ),
        ]


async def overload(server: Server, images: Sequence[bytes], seconds: float) -> Overload:
    """Measure the maximum, send several times more, and wait until all is well again."""
    host, _, port = server.url.rpartition("//")[2].partition(":")
    loop = OpenLoop(host, int(port), [_request(image) for image in images])
    maximum = await _maximum(loop)
    alone = await _alone(loop)
    offered = FACTOR * maximum
    begun = time.monotonic()
    answers = await loop.run(poisson(offered, seconds))
    while await _alone(loop) > _AS_FAST * alone or await asyncio.to_thread(health, server) != 200:
        pass
    recovery = time.monotonic() - begun - seconds
    # Again: a machine that became faster meanwhile must not flatter.
    maximum = max(maximum, await _maximum(loop))
    loop.close()
    return Overload(maximum, offered, answers, seconds, recovery)


async def _alone(loop: OpenLoop) -> float:
    """Median seconds of one request at a time."""
    return median([(await loop.ask()).seconds for _ in range(_ALONE)])


async def _maximum(loop: OpenLoop) -> float:
    """Answers a second to clients each of which waits for its answer."""
    await asyncio.gather(*(loop.ask() for _ in range(_CLIENTS)))
    end = time.monotonic() + _MAXIMUM_SECONDS
    counts = Counter[int]()

    async def client() -> None:
        while time.monotonic() < end:
            counts[(await loop.ask()).status] += 1

    await asyncio.gather(*(client() for _ in range(_CLIENTS)))
    return counts[200] / _MAXIMUM_SECONDS


def _request(image: bytes) -> bytes:
    head = f"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-length: {len(image)}\r\n\r\n"
    return head.encode() + image


def _costly_image() -> bytes:
    width, height = _SIZE
    gradient = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(np.stack([gradient] * 3, axis=-1)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@contextlib.contextmanager
def _target(home: Path | None, photographs: Path | None) -> Iterator[tuple[Server, list[bytes]]]:
    with tempfile.TemporaryDirectory(prefix="overload-") as name:
        folder = Path(name)
        images = (
            [file.read_bytes() for file in sorted(photographs.glob("*.[jJ][pP]*"))]
            if photographs
            else []
        )
        with running(home or toy_home(folder), folder, TWO_WORKERS) as server:
            yield server, images or [_costly_image()]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m resilience.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--home", type=Path, help="BentoML's, with the model to serve")
    parser.add_argument("--photographs", type=Path, help="folder of JPEGs to send")
    parser.add_argument("--record", action="store_true", help="for resilience/README.md")
    given = parser.parse_args()
    try:
        with _target(given.home, given.photographs) as (server, images):
            rows = asyncio.run(overload(server, images, given.seconds)).evidence(
                Settings().deadline
            )
    except FAILURES as error:
        sys.exit(f"error: {error}")
    print(table(rows))
    if given.record:
        record("overload", rows)
    sys.exit(0 if all(row.ok for row in rows) else 1)


if __name__ == "__main__":
    main()
