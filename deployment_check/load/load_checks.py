"""Checks of the load test's results."""

import asyncio
import sys
from collections.abc import Callable, Mapping

from rich.prompt import Confirm

from deployment_check.checks import Check, Failed, Skipped
from deployment_check.deployment import Deployment
from deployment_check.load.load_test import Announce, LoadTest, Phase, learn, load
from deployment_check.options import Options
from load_generator.known_images import Outcome

MAX_REFUSED = 0.01  # share of requests that may be answered 503 or 504
_SHOWN = 3

_CLOSED, _OPEN = 1, 2  # phases in the order in which they are made


class LoadChecks:
    """Checks of one load test. The first check makes it; ``found`` is empty until then."""

    def __init__(self, announce: Announce) -> None:
        self.found = LoadTest()
        self._announce = announce

    def checks(self) -> Mapping[str, Check]:
        """By name."""
        return {
            "1 client": self._make,
            "closed loop": self._after(lambda options: judge(self.found.phases[_CLOSED])),
            "open loop, Poisson arrivals": self._after(
                lambda options: judge(self.found.phases[_OPEN], options.max_p99_ms)
            ),
            "ready under load": self._after(lambda options: is_ready(self.found)),
            "/metrics under load": self._after(lambda options: is_measured(self.found)),
        }

    def _make(self, deployment: Deployment) -> str:
        if reason := why_not(deployment.options):
            raise Skipped(reason)
        images = learn(deployment)
        self.found = asyncio.run(load(deployment.options, images, self._announce))
        return judge(self.found.phases[0])

    def _after(self, judged: Callable[[Options], str]) -> Check:
        def check(deployment: Deployment) -> str:
            if not self.found.phases:
                raise Skipped("no load was made")
            return judged(deployment.options)

        return check


def why_not(options: Options) -> str | None:
    """Why no load may be sent; None if it may. Asks a user at a terminal."""
    if not options.load:
        return "--no-load"
    if options.yes or options.is_loopback:
        return None
    if not sys.stdin.isatty():
        return "a host that is not this one is not loaded without --yes"
    question = (
        f"Load {options.url} with {options.concurrency} clients, "
        f"for {2 * options.seconds:g} s? Are you allowed to"
    )
    return None if Confirm.ask(question, default=False) else "you said no"


def judge(phase: Phase, max_p99_ms: float | None = None) -> str:
    """The figures of a loop; fails if too many requests did."""
    bad = [*phase.of(Outcome.LOST), *phase.of(Outcome.WRONG)]
    if bad:
        raise Failed(f"{len(bad)} of {len(phase.exchanges)} failed: {bad[0].detail}")
    refused = phase.of(Outcome.REFUSED)
    if len(refused) > MAX_REFUSED * len(phase.exchanges):
        raise Failed(f"{len(refused)} of {len(phase.exchanges)} refused: {refused[0].detail}")
    if not phase.exchanges:
        raise Failed("nothing was answered")
    if max_p99_ms is not None and phase.latency.p99 * 1000 > max_p99_ms:
        raise Failed(f"p99 is {phase.latency.p99 * 1000:.1f} ms, above {max_p99_ms:g} ms")
    return f"{phase.throughput:.1f} answers/s, {phase.latency.text()}"


def is_ready(found: LoadTest) -> str:
    """``/readyz`` answered 200 throughout."""
    problems = [f"after {p.when:.1f} s: {p.problem}" for p in found.probes if p.problem]
    if problems or not found.probes:
        raise Failed(f"{len(problems)} of {len(found.probes)}: {'; '.join(problems[:_SHOWN])}")
    slowest = max(probe.seconds for probe in found.probes)
    return f"{len(found.probes)} of {len(found.probes)}, the slowest in {slowest * 1000:.0f} ms"


def is_measured(found: LoadTest) -> str:
    """``/metrics`` was answered throughout, where it is open."""
    if found.hidden:
        raise Skipped("it is not open here")
    if found.problems or not found.looks:
        raise Failed(f"{len(found.problems)} failed: {'; '.join(found.problems[:_SHOWN])}")
    return f"{len(found.looks)} looks"
