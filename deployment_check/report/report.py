"""The results about a deployment, for people and for programs."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from io import BytesIO
from statistics import median
from typing import Any

import httpx
from PIL import Image

from deployment_check.checks import Failed, Result, Verdict
from deployment_check.deployment import Deployment
from deployment_check.load.load_test import LoadTest, Phase
from deployment_check.options import Options
from deployment_check.report import series
from load_generator.known_images import EXPECTED, TEST_IMAGES, Outcome

_DECIMALS = 4


@dataclass(frozen=True)
class Answer:
    """The deployment's answer for an image."""

    image: bytes  # encoded
    name: str  # of its file
    predictions: Sequence[Mapping[str, Any]]  # most probable first


@dataclass(frozen=True)
class Report:
    """All results."""

    url: str
    health: Mapping[str, Any]  # its answer to ``/health``
    started: datetime
    seconds: float
    results: Sequence[Result]
    load: LoadTest
    answers: Sequence[Answer] = ()  # to the test images
    conditions: Sequence[str] = ()  # of the load test, a sentence each

    @property
    def verdict(self) -> Verdict:
        """Failed if any check has."""
        return Verdict.FAILED if self.count(Verdict.FAILED) else Verdict.PASSED

    def count(self, verdict: Verdict) -> int:
        """How many checks have this verdict."""
        return sum(result.verdict is verdict for result in self.results)

    def content(self) -> dict[str, Any]:
        """The content of ``report.json``."""
        return {
            "url": self.url,
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, _DECIMALS),
            "verdict": self.verdict.value,
            "counts": {verdict.value: self.count(verdict) for verdict in Verdict},
            "deployment": dict(self.health),
            "checks": [asdict(result) for result in self.results],
            "answers": {each.name: list(each.predictions) for each in self.answers},
            "conditions": [*self.conditions, *doubts(self.load)],
            "load": [phase_content(phase) for phase in self.load.phases],
            "series": series_content(self.load),
        }


def phase_content(phase: Phase) -> dict[str, Any]:
    """One loop, for JSON; latencies in seconds, stages in milliseconds."""
    return {
        "name": phase.name,
        "loop": "closed" if phase.rate is None else "open",
        "begin": phase.begin,
        "seconds": phase.seconds,
        "arrivals_per_second": phase.rate,
        "answers_per_second": phase.throughput,
        "outcomes": phase.counts(),
        "latency_seconds": asdict(phase.latency) if phase.of(Outcome.RIGHT) else None,
        "stages_ms": series.stages(phase),
        "own_cores": phase.own_cores,
    }


def series_content(found: LoadTest) -> dict[str, Any]:
    """Values over time, for JSON: lines of points, each with seconds and value."""
    if not found.phases:
        return {}
    return {
        "answers_per_second": {o.value: p for o, p in series.throughput(found).items()},
        "readyz_ms": series.readiness(found),
        **{name: each.lines(found) for name, each in series.OF_METRICS.items()},
    }


def conditions(options: Options, found: LoadTest) -> list[str]:
    """The conditions of a load test, a sentence each; none without a load test."""
    if not found.phases:
        return []
    workers = series.workers(found)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    where = "the deployment and this client share" if options.is_loopback else "this client has"
    limit = "none was set" if options.max_p99_ms is None else f"{options.max_p99_ms:g} ms"
    return [
        f"Processors: {where} {usable}.",
        f"Workers of the deployment: {len(workers) or 'unknown'}.",
        f"Images: {_sizes(found.images)}.",
        f"Limit of the 99th percentile (--max-p99-ms): {limit}.",
        "The README's table has other photographs and another client: `make bench` measures it.",
    ]


def doubts(found: LoadTest) -> list[str]:
    """Why figures may be wrong, and which charts are left out."""
    doubts = [found.doubt] if found.doubt else []
    if not series.is_whole(found):
        return [*doubts, "Several replicas answered /metrics in turn: its figures are not drawn."]
    if reason := series.why_no_stages(found):
        doubts.append(f"Where the time goes is not drawn: {reason}.")
    return doubts


def _sizes(images: Sequence[bytes]) -> str:
    sizes = [Image.open(BytesIO(image)).size for image in images]
    megapixels = [width * height / 1e6 for width, height in sizes]
    kilobytes = [len(image) / 1000 for image in images]
    return (
        f"{len(images)}, of {median(kilobytes):.0f} KB "
        f"and {median(megapixels):.2f} megapixels (medians)"
    )


def answers(deployment: Deployment) -> list[Answer]:
    """The answers for the test images, without those that get an error."""
    found = []
    for name in sorted(EXPECTED):
        image = (TEST_IMAGES / name).read_bytes()
        with contextlib.suppress(Failed, httpx.HTTPError, ValueError):
            found.append(Answer(image, name, deployment.classify(image)["predictions"]))
    return found
