"""Mixed, partly hostile traffic for minutes: ``python -m resilience.soak``.

Prints what was asked and answered and what the service's processes held, and ends with 1
if an answer was wrong, a status unexpected, or memory or descriptors grew.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import uvloop

from load_generator.connections import Connections, Lost, address
from load_generator.known_images import Known, Outcome
from load_generator.loops import closed_loop
from resilience.answers import photographs, toy_images
from resilience.evidence import Evidence, report
from resilience.faults.scene import FAILURES, TWO_WORKERS
from resilience.resources import MEGABYTE, Sample, Sampler, supervisor, trend
from resilience.traffic import DISCONNECTED, disconnect, good, hostile
from tests.support.servers import running, toy_home

SECONDS = 600.0
CLIENTS = 8
HOSTILE = 0.05

MORE_DESCRIPTORS = 10
MORE_MEMORY = 0.05
MORE_MEGABYTES = 10

_TIMEOUT = 30.0
_KEPT = 5


@dataclass
class Account:
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind and status
    wrong: list[str] = field(default_factory=list)  # answers
    unexpected: list[str] = field(default_factory=list)  # statuses


@dataclass(frozen=True)
class Plan:
    url: str  # of the server
    images: Sequence[Known]  # that are asked for
    seconds: float = SECONDS  # how long
    clients: int = CLIENTS  # how many at once
    hostile: float = HOSTILE  # share of the requests that are


def soak(plan: Plan, root: psutil.Process | None) -> list[Evidence]:
    """Run, print the report, and return what must be true with what was seen.

    ``root`` is the service's first process, where it is on this machine.
    """
    account = Account()
    with contextlib.ExitStack() as stack:
        sampler = stack.enter_context(Sampler(root)) if root else None
        uvloop.run(_send_all(plan, account))
    _print_requests(account, plan.seconds)
    return _answers(account, plan) + (_resources(sampler.samples) if sampler else [])


async def _send_all(plan: Plan, account: Account) -> None:
    connections = Connections(*address(plan.url), timeout=_TIMEOUT)

    async def send() -> tuple[Outcome, str]:
        call = (hostile if random.random() < plan.hostile else good)(plan.images)
        if call.kind == DISCONNECTED:
            await asyncio.to_thread(disconnect, plan.url, call.options["content"])
            account.counts[call.kind, "–"] += 1
            return Outcome.RIGHT, ""
        try:
            status, body, _ = await connections.send(call.request(plan.url))
        except Lost as error:
            account.counts[call.kind, "connection lost"] += 1
            account.unexpected.append(f"{call.kind}: {error}")
            return Outcome.LOST, str(error)
        account.counts[call.kind, str(status)] += 1
        outcome, detail = call.judged(status, body)
        if outcome is Outcome.WRONG:
            (account.wrong if status == 200 else account.unexpected).append(detail)
        return outcome, detail

    await closed_loop(send, plan.clients, plan.seconds)
    connections.close()


def _print_requests(account: Account, seconds: float) -> None:
    total = sum(account.counts.values())
    print("| request | status | count |\n|---|---|---:|")
    for (kind, status), count in sorted(account.counts.items()):
        print(f"| {kind} | {status} | {count} |")
    print(f"\n{total} requests, {total / seconds:.0f} a second")
    print(f"wrong answers: {len(account.wrong)}; unexpected: {len(account.unexpected)}")


def _answers(account: Account, plan: Plan) -> list[Evidence]:
    total = sum(account.counts.values())
    case = f"{total} requests in {plan.seconds:.0f} s, {plan.hostile:.0%} of them hostile"
    wrong, unexpected = account.wrong[:_KEPT], account.unexpected[:_KEPT]
    return [
        Evidence(case, "no wrong answer", str(wrong or "none"), not wrong),
        Evidence("their statuses", "none unexpected", str(unexpected or "none"), not unexpected),
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


@contextlib.contextmanager
def _target(
    url: str | None, home: Path | None
) -> Iterator[tuple[str, list[Known], psutil.Process | None]]:
    """Where to send the traffic, with which images, and the process if it is on this machine."""
    if url:
        here = httpx.URL(url).host in ("127.0.0.1", "localhost")
        yield url, photographs(url), supervisor(httpx.URL(url).port or 80) if here else None
        return
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        with running(home or toy_home(folder), folder, TWO_WORKERS) as server:
            images = photographs(server.url) if home else toy_images()
            yield server.url, images, psutil.Process(server.process.pid)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m resilience.soak", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=SECONDS)
    add("--clients", type=int, default=CLIENTS)
    add("--hostile", type=float, default=HOSTILE, help="share of the requests")
    add("--url", help="of a running server with the default model")
    add("--home", type=Path, help="BentoML's, with the default model, to serve")
    add("--record", action="store_true", help="for resilience/README.md")
    return parser.parse_args()


def main() -> None:
    given = _arguments()
    try:
        with _target(given.url, given.home) as (url, images, root):
            plan = Plan(url.rstrip("/"), images, given.seconds, given.clients, given.hostile)
            rows = soak(plan, root)
    except FAILURES as error:
        sys.exit(f"error: {error}")
    print()
    sys.exit(report("soak", rows, recorded=given.record))


if __name__ == "__main__":
    main()
