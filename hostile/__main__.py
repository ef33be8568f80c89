"""Send a service the whole hostile corpus: ``python -m hostile``.

Prints a Markdown table with a line for each case. It ends with 1 if an answer was not the expected
one, if the next good request was not answered right, or if a request took more processor time or
memory than it may.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import psutil
from PIL import Image

from harness.images import save
from harness.servers import running, toy_home
from hostile.corpus import ask, ask_for_good, ask_for_urls, corpus, shown
from hostile.requests import calls
from hostile.requests.calls import Call
from hostile.requests.expected import RED, Outcome
from resilience.evidence import Evidence, report
from resilience.resources import MEGABYTE, Sampler, cpu_seconds, look
from settings import Settings

CPU_MS = 300.0  # milliseconds of processor time that a request may take beyond decoding
RSS_MB = 100.0  # megabytes of memory that a request may take beyond decoding

# The C library returns freed memory at once. Otherwise a request could use memory that an earlier
# one has left, and seem to take less.
SERVER = {
    "CLASSIFIER_WORKERS": "1",
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_TRIM_THRESHOLD_": "131072",
}

_SAMPLE_SECONDS = 0.02

_SIDE = 5000  # of a square of the default limit, 25 MP
_SHOWN = 3


@dataclass(frozen=True)
class Cost:
    """What a request cost the service's processes together."""

    cpu_ms: float = 0.0  # milliseconds of processor time
    rss_mb: float = 0.0  # megabytes of memory at the peak, less those of the idle service

    def __or__(self, other: "Cost") -> "Cost":
        return Cost(max(self.cpu_ms, other.cpu_ms), max(self.rss_mb, other.rss_mb))


DECODING = Cost(cpu_ms=Settings().decode_cpu_ms, rss_mb=Settings().decode_memory_bytes / MEGABYTE)
"""What decoding the images of one request may take."""


class Meter(Sampler):
    """Measures what an idle process and its descendants use until the block ends."""

    def __init__(self, root: psutil.Process) -> None:
        super().__init__(root, _SAMPLE_SECONDS)
        self._root, self._cpu, self._rss = root, cpu_seconds(root), look(root).rss

    def cost(self) -> Cost:
        """What was used since the meter was made."""
        self.close()
        grown = max(each.rss for each in [*self.samples, look(self._root)]) - self._rss
        return Cost(1000 * (cpu_seconds(self._root) - self._cpu), grown / MEGABYTE)


@cache
def large_photographs() -> dict[str, bytes]:
    """Valid images whose decoding takes half of what it may take."""
    red = Image.new("RGBA", (_SIDE, _SIDE), (255, 0, 0, 254))
    noise = Image.effect_noise((_SIDE, _SIDE), 60).convert("RGB")
    noise.paste((255, 0, 0), (0, 0, _SIDE, _SIDE // 2))
    return {
        "PNG with transparency of 25 MP": save(red, "PNG", compress_level=1),
        "WebP of 9 MP": save(noise.crop((1000, 1000, 4000, 4000)), "WEBP", quality=80, method=0),
    }


def rows() -> Iterator[Evidence]:
    """Send the whole corpus to a server with the toy model, default limits and one worker."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as temporary:
        folder = Path(temporary)
        with (
            running(toy_home(folder), folder, SERVER) as server,
            httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client,
        ):
            ask_for_good(client)
            root = psutil.Process(server.process.pid)
            for kind, photograph in large_photographs().items():
                call = Call(RED, calls.body(photograph), is_decoded=True)
                yield _row(f"honest {kind}", client, root, [call])
            for name, case in corpus().items():
                yield _row(name, client, root, case())
            yield _urls(server.url, client, root)


def _row(name: str, client: httpx.Client, root: psutil.Process, requests: list[Call]) -> Evidence:
    seen, highest, problems = list[Outcome](), Cost(), list[str]()
    for call in requests:
        with Meter(root) as meter:
            seen.append(ask(client, call))
            cost = meter.cost()
        highest |= cost
        problems += _problems(call, seen[-1])
        problems += _excess(cost, DECODING if call.is_decoded else Cost())
        problems += _after(client)
    expected = shown(call.expected for call in requests)
    return _evidence(name, expected, shown(seen), highest, problems)


def _urls(url: str, client: httpx.Client, root: psutil.Process) -> Evidence:
    with Meter(root) as meter:
        expected, seen, connections = ask_for_urls(url)
        cost = meter.cost()
    wanted, got = f"{shown(expected)}, 0 connections", f"{shown(seen)}, {connections} connections"
    each = Cost(cost.cpu_ms / len(seen), cost.rss_mb)
    problems = [] if wanted == got else ["not as expected"]
    problems += _excess(each, Cost()) + _after(client)
    return _evidence("100 URLs at once where images are expected", wanted, got, each, problems)


def _evidence(case: str, expected: str, seen: str, cost: Cost, problems: Sequence[str]) -> Evidence:
    """A row with the highest cost of a request and the first problems."""
    spent = f"{cost.cpu_ms:.0f} ms, {max(0.0, cost.rss_mb):.0f} MB"
    return Evidence(case, expected, "; ".join([seen, spent, *problems[:_SHOWN]]), not problems)


def _problems(call: Call, seen: Outcome) -> list[str]:
    return [] if seen == call.expected else [f"{seen}, not {call.expected}"]


def _excess(cost: Cost, allowed: Cost) -> list[str]:
    problems = []
    if cost.cpu_ms > CPU_MS + allowed.cpu_ms:
        problems.append(f"{cost.cpu_ms:.0f} ms of processor time")
    if cost.rss_mb > RSS_MB + allowed.rss_mb:
        problems.append(f"{cost.rss_mb:.0f} MB of memory")
    return problems


def _after(client: httpx.Client) -> list[str]:
    seen = ask_for_good(client)
    return [] if seen == RED else [f"the next good request got {seen}"]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m hostile", description=__doc__)
    parser.add_argument("--record", action="store_true", help="for resilience/README.md")
    given = parser.parse_args()
    sys.exit(report("hostile", rows(), recorded=given.record))


if __name__ == "__main__":
    main()
