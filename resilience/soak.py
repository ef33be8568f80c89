"""Mixed, partly hostile traffic for minutes: ``python -m resilience.soak``.

Prints the counts of requests by status, then what must be true with what was seen. It ends with 1
if an answer was wrong, a status unexpected, or memory or descriptors grew.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil
import uvloop

from harness.servers import Server, running, toy_home
from load_generator.connections import Connections, Lost, address
from load_generator.known_images import Known, Outcome
from load_generator.loops import closed_loop
from resilience.answers import toy_images
from resilience.evidence import Evidence, report
from resilience.faults.scene import FAILURES, TWO_WORKERS
from resilience.resources import MEGABYTE, Sample, Sampler, trend
from resilience.traffic import DISCONNECTED, disconnect, good, hostile

SECONDS = 600.0
CLIENTS = 8
HOSTILE = 0.05  # of the requests

MOST_REFUSED = 0.01  # of the requests: 8 clients do not overload the service
MORE_DESCRIPTORS = 10
MORE_MEMORY = 0.05
MORE_MEGABYTES = 10

_TIMEOUT = 30.0
_KEPT = 5
_REFUSED = "503"


@dataclass
class Soak:
    """Mixed traffic for some seconds, and its results."""

    server: Server
    images: Sequence[Known]  # that are asked for
    seconds: float
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind and status
    wrong: list[str] = field(default_factory=list)  # answers
    unexpected: list[str] = field(default_factory=list)  # statuses

    def run(self) -> list[Evidence]:
        """Send the traffic, print the counts, and return what must be true with what was seen."""
        with Sampler(psutil.Process(self.server.process.pid)) as sampler:
            uvloop.run(self._send_all())
        return [*self._answers(), *_resources(sampler.samples)]

    async def _send_all(self) -> None:
        connections = Connections(*address(self.server.url), timeout=_TIMEOUT)
        await closed_loop(partial(self._send, connections), CLIENTS, self.seconds)
        connections.close()

    async def _send(self, connections: Connections) -> tuple[Outcome, str]:
        call = (hostile if random.random() < HOSTILE else good)(self.images)
        if call.kind == DISCONNECTED:
            await asyncio.to_thread(disconnect, self.server.url, call.options["content"])
            self.counts[call.kind, "–"] += 1
            return Outcome.RIGHT, ""
        try:
            status, body, _ = await connections.send(call.request(self.server.url))
        except Lost as error:
            self.counts[call.kind, "connection lost"] += 1
            self.unexpected.append(f"{call.kind}: {error}")
            return Outcome.LOST, str(error)
        self.counts[call.kind, str(status)] += 1
        outcome, detail = call.judged(status, body)
        if outcome is Outcome.WRONG:
            (self.wrong if status == 200 else self.unexpected).append(detail)
        return outcome, detail

    def _answers(self) -> list[Evidence]:
        total = self.counts.total()
        refused = sum(n for (_, status), n in self.counts.items() if status == _REFUSED)
        print("| request | status | count |\n|---|---|---:|")
        for (kind, status), count in sorted(self.counts.items()):
            print(f"| {kind} | {status} | {count} |")
        print(f"\n{total} requests, {total / self.seconds:.0f} a second")
        print(f"wrong answers: {len(self.wrong)}; unexpected: {len(self.unexpected)}")
        case = f"{total} requests in {self.seconds:.0f} s, {HOSTILE:.0%} of them hostile"
        wrong, unexpected = self.wrong[:_KEPT], self.unexpected[:_KEPT]
        return [
            Evidence(case, "no wrong answer", str(wrong or "none"), not wrong),
            Evidence(
                "their statuses",
                f"none unexpected, {_REFUSED} for at most {MOST_REFUSED:.0%}",
                f"{unexpected or 'none'}, {_REFUSED} for {refused / total:.2%}",
                not unexpected and refused <= MOST_REFUSED * total,
            ),
        ]


def _resources(seen: Sequence[Sample]) -> list[Evidence]:
    samples = seen[len(seen) // 2 :]  # when everything has warmed up
    times = [sample.when for sample in samples]
    rss = trend(times, [sample.rss / MEGABYTE for sample in samples])
    descriptors = trend(times, [sample.descriptors for sample in samples])
    processes = {sample.processes for sample in samples}
    may_grow = max(MORE_MEGABYTES, MORE_MEMORY * rss.level)
    return [
        Evidence(
            "memory in the second half",
            f"grows by less than {may_grow:.0f} MB",
            f"{rss.level:.0f} MB, {rss.growth:+.1f} MB, {rss.per_minute:+.2f} MB a minute",
            rss.growth <= may_grow,
        ),
        Evidence(
            "descriptors in the second half",
            f"grow by less than {MORE_DESCRIPTORS}",
            f"{descriptors.level:.0f}, {descriptors.growth:+.1f}",
            descriptors.growth <= MORE_DESCRIPTORS,
        ),
        Evidence(
            "processes",
            "none dies or is started",
            f"{len(samples[-1].processes)} all the time" if len(processes) == 1 else "they changed",
            len(processes) == 1,
        ),
    ]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m resilience.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--record", action="store_true", help="for resilience/README.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        try:
            with running(toy_home(folder), folder, TWO_WORKERS) as server:
                rows = Soak(server, toy_images(), given.seconds).run()
        except FAILURES as error:
            sys.exit(f"error: {error}")
    print()
    sys.exit(report("soak", rows, recorded=given.record))


if __name__ == "__main__":
    main()
