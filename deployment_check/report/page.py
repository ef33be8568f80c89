"""The report as one HTML page that needs nothing else."""

import base64
from collections.abc import Iterable
from html import escape
from io import BytesIO
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageOps

from deployment_check.load.load_test import Phase
from deployment_check.report import series
from deployment_check.report.charts import charts
from deployment_check.report.report import Answer, Report, doubts
from deployment_check.report.svg import number
from deployment_check.result import Result, Verdict
from load_generator.known_images import Outcome

_STYLE = Path(__file__).with_name("page.css")

_MARKS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.SKIPPED: "–"}
_THUMBNAIL = (420, 300)
_SHOWN = 3

_FOOTER = """
<p>Closed loop: each client asks again as soon as it is answered, which shows how much the
deployment can do. Open loop: requests arrive at random (Poisson), whatever has become of
those before; their time is counted from the moment they should have been sent, so that what
waits is not forgotten.</p>
<p>Percentiles are by nearest rank. Every answer under load was compared with the one that
the same image got alone.</p>
"""


def page(report: Report) -> str:
    parts = [_header(report), _tiles(report)]
    if report.load.phases:
        drawn = "".join(charts(report.load))
        parts += ["<h2>Under load</h2>", f'<div class="grid">{_table(report)}{drawn}</div>']
    if report.answers:
        cards = "".join(map(_image, report.answers))
        parts += ["<h2>What it sees</h2>", f'<div class="images">{cards}</div>']
    parts += ["<h2>Checks</h2>", _groups(report.results), f"<footer>{_FOOTER}</footer>"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.url)}: {report.verdict.value}</title>"
        f"<style>{_STYLE.read_text()}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _header(report: Report) -> str:
    health = report.health
    facts = [
        f"<code>{escape(str(health.get('model')))}</code>",
        f"on {escape(str(health.get('device')))}",
        f"{report.started:%Y-%m-%d %H:%M} UTC",
        f"{report.seconds:.0f} s",
    ]
    return (
        f"<header><div><h1>{escape(report.url)}</h1>"
        f'<p class="facts">{" · ".join(facts)}</p></div>'
        f'<span class="verdict {report.verdict.value}">'
        f"{_MARKS[report.verdict]} {report.verdict.value}</span></header>"
    )


def _tiles(report: Report) -> str:
    passed, failed, skipped = map(report.count, Verdict)
    tiles = [
        _tile(str(passed), f"of {passed + failed}", f"checks passed, {skipped} skipped"),
        *(tile for phase in report.load.phases[1:] for tile in _phase_tiles(phase)),
    ]
    peak = max((y for line in series.memory(report.load).values() for _, y in line), default=0)
    if peak:
        tiles.append(_tile(number(peak), "MB", "a worker's memory, at most"))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _phase_tiles(phase: Phase) -> list[str]:
    if not phase.of(Outcome.RIGHT):
        return []
    if phase.rate is None:
        return [_tile(number(phase.throughput), "/s", f"answers, {phase.name}")]
    return [
        _tile(number(phase.latency.p50 * 1000), "ms", f"median at {phase.name}"),
        _tile(number(phase.latency.p99 * 1000), "ms", f"99th percentile at {phase.name}"),
    ]


def _tile(value: str, unit: str, text: str) -> str:
    return (
        f'<div class="tile"><b>{value} <small>{unit}</small></b><span>{escape(text)}</span></div>'
    )


_COLUMNS = ("answers/s", "mean", "p50", "p90", "p99", "p99.9", "max", "right", "refused", "failed")


def _table(report: Report) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("latency in ms", *_COLUMNS))
    rows = "".join(map(_row, report.load.phases))
    notes = [*report.conditions, *doubts(report.load)]
    texts = "".join(f'<p class="facts">{escape(note)}</p>' for note in notes)
    return f'<div class="card wide"><table><tr>{head}</tr>{rows}</table>{texts}</div>'


def _row(phase: Phase) -> str:
    right, refused = phase.of(Outcome.RIGHT), phase.of(Outcome.REFUSED)
    times = ["–"] * 6
    if right:
        found = phase.latency
        each = (found.mean, found.p50, found.p90, found.p99, found.p999, found.max)
        times = [f"{seconds * 1000:.1f}" for seconds in each]
    failed = len(phase.exchanges) - len(right) - len(refused)
    counts = [f"{count:,}" for count in (len(right), len(refused), failed)]
    cells = [phase.name, f"{phase.throughput:.1f}", *times, *counts]
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _image(answer: Answer) -> str:
    labels = "".join(
        f'<span class="label"><span>{escape(each["label"])}</span>'
        f"<span>{each['confidence']:.1%}</span>"
        f'<span class="share"><i style="width:{100 * each["confidence"]:.1f}%"></i></span></span>'
        for each in answer.predictions[:_SHOWN]
    )
    return (
        f'<div class="card image"><img alt="{escape(answer.name)}" '
        f'src="data:image/jpeg;base64,{_thumbnail(answer.image)}"><div>{labels}</div></div>'
    )


def _thumbnail(image: bytes) -> str:
    small = ImageOps.fit(ImageOps.exif_transpose(Image.open(BytesIO(image))), _THUMBNAIL)
    buffer = BytesIO()
    small.convert("RGB").save(buffer, "JPEG", quality=75)
    return base64.b64encode(buffer.getvalue()).decode()


def _groups(results: Iterable[Result]) -> str:
    groups = groupby(results, key=lambda result: result.group)
    return f'<div class="groups">{"".join(_group(name, list(made)) for name, made in groups)}</div>'


def _group(name: str, results: list[Result]) -> str:
    passed = sum(result.verdict is Verdict.PASSED for result in results)
    return (
        f'<div class="card group"><h3>{escape(name)}<span>{passed} / {len(results)}</span></h3>'
        f"{''.join(map(_check, results))}</div>"
    )


def _check(result: Result) -> str:
    return (
        f'<div class="check {result.verdict.value}"><i>{_MARKS[result.verdict]}</i>'
        f'<span>{escape(result.name)}</span><span class="detail">'
        f"{escape(result.detail)}</span></div>"
    )
