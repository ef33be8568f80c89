"""The report as one HTML page that needs nothing else."""

import base64
from collections.abc import Iterator
from io import BytesIO
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from PIL import Image, ImageOps

from deployment_check.checks import Verdict
from deployment_check.load.load_test import Phase
from deployment_check.questions.images import encoded
from deployment_check.report import series
from deployment_check.report.charts import charts
from deployment_check.report.report import Report, doubts
from deployment_check.report.svg import number
from load_generator.known_images import Outcome

_HERE = Path(__file__).parent
_PAGES = Environment(loader=FileSystemLoader(_HERE), autoescape=True, trim_blocks=True)

_MARKS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.SKIPPED: "–"}
_THUMBNAIL = (420, 300)
_COLUMNS = (
    *("latency in ms", "answers/s", "mean", "p50", "p90", "p99", "p99.9", "max"),
    *("right", "refused", "failed"),
)


def page(report: Report) -> str:
    """The whole page."""
    phases = report.load.phases
    groups = groupby(report.results, key=lambda result: result.group)
    return _PAGES.get_template("page.html").render(
        report=report,
        style=(_HERE / "page.css").read_text(),
        marks=_MARKS,
        tiles=list(_tiles(report)),
        columns=_COLUMNS,
        rows=list(map(_row, phases)),
        notes=[*report.conditions, *doubts(report.load)],
        charts=charts(report.load) if phases else (),
        thumbnail=_thumbnail,
        groups=[(name, list(results)) for name, results in groups],
    )


def _tiles(report: Report) -> Iterator[tuple[str, str, str]]:
    """Each a value, its unit, and what it is."""
    passed, failed, skipped = map(report.count, Verdict)
    yield str(passed), f"of {passed + failed}", f"checks passed, {skipped} skipped"
    for phase in report.load.phases[1:]:
        if phase.of(Outcome.RIGHT) and phase.rate is None:
            yield number(phase.throughput), "/s", f"answers, {phase.name}"
        elif phase.of(Outcome.RIGHT):
            yield number(phase.latency.p50 * 1000), "ms", f"median at {phase.name}"
            yield number(phase.latency.p99 * 1000), "ms", f"99th percentile at {phase.name}"
    peak = max((y for line in series.memory(report.load).values() for _, y in line), default=0)
    if peak:
        yield number(peak), "MB", "a worker's memory, at most"


def _row(phase: Phase) -> list[str]:
    right, refused = phase.of(Outcome.RIGHT), phase.of(Outcome.REFUSED)
    times = ["–"] * 6
    if right:
        found = phase.latency
        each = (found.mean, found.p50, found.p90, found.p99, found.p999, found.max)
        times = [f"{seconds * 1000:.1f}" for seconds in each]
    failed = len(phase.exchanges) - len(right) - len(refused)
    counts = [f"{count:,}" for count in (len(right), len(refused), failed)]
    return [phase.name, f"{phase.throughput:.1f}", *times, *counts]


def _thumbnail(image: bytes) -> str:
    small = ImageOps.fit(ImageOps.exif_transpose(Image.open(BytesIO(image))), _THUMBNAIL)
    return base64.b64encode(encoded(small.convert("RGB"), "JPEG", quality=75)).decode()
