"""The charts of a load test."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from deployment_check.load.load_test import LoadTest, Phase
from deployment_check.report import series
from deployment_check.report.series import Series
from deployment_check.report.svg import Chart, Part, Point, highest
from load_generator.known_images import Outcome
from load_generator.latency import percentile

_TIME = "seconds since the load test began"

_OF_PHASES = ("c3", "c1", "c2")
_OF_LINES = ("c1", "c2", "c3", "c4", "c5")
_OF_OUTCOMES = {
    Outcome.RIGHT: "c1",
    Outcome.REFUSED: "warn",
    Outcome.LOST: "bad",
    Outcome.WRONG: "bad",
}
_BINS = 48
_DOTS = 700  # in one loop: more would only make the page heavier


def charts(found: LoadTest) -> list[str]:
    """Every chart for which there are figures, as HTML."""
    always = latency_distribution, latency_percentiles, throughput, latency_over_time
    drawn = [chart(found) for chart in always]
    over_time = [series.READINESS]
    if series.is_whole(found):
        drawn += [] if series.why_no_stages(found) else [stage_times(found)]
        over_time = [*(s for s in series.OF_METRICS.values() if s.lines(found)), series.READINESS]
    return drawn + [_over_time(found, each) for each in over_time]


def latency_distribution(found: LoadTest) -> str:
    """A histogram for each loop; the last bin has all slower answers, too."""
    answered = [(phase, _milliseconds(phase)) for phase in found.phases]
    most = max((percentile(times, 0.995) for _, times in answered if times), default=1.0)
    width = most / _BINS
    bins = {phase.name: _shares(times, width) for phase, times in answered if times}
    chart = Chart(
        "How long answers took",
        "ms",
        "% of the answers",
        most,
        highest(point for points in bins.values() for point in points),
    )
    for (name, points), colour in zip(bins.items(), _OF_PHASES, strict=False):
        chart.steps(points, width, colour, name)
    return chart.render()


def latency_percentiles(found: LoadTest) -> str:
    """The latency at each percentile."""
    curves = {p.name: _percentiles(_milliseconds(p)) for p in found.phases if p.of(Outcome.RIGHT)}
    every = [point for points in curves.values() for point in points]
    furthest = max((x for x, _ in every), default=1.0)
    ticks = [(_nines(s), f"{100 * s:g} %") for s in (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999)]
    chart = Chart(
        "How long the slowest took",
        "share of the answers that were at least as fast",
        "ms",
        furthest,
        highest(every),
        x_ticks=[tick for tick in ticks if tick[0] <= furthest],
    )
    for (name, points), colour in zip(curves.items(), _OF_PHASES, strict=False):
        chart.line(points, colour, name)
    return chart.render()


def throughput(found: LoadTest) -> str:
    """Answers a second, stacked by outcome, and the scheduled arrivals."""
    bins: defaultdict[float, list[Part]] = defaultdict(list)
    for outcome, points in series.throughput(found).items():
        for left, height in points:
            bins[left].append((outcome.value, _OF_OUTCOMES[outcome], height))
    top = highest((0, sum(height for *_, height in parts)) for parts in bins.values())
    chart = _timed("Throughput", "answers/s", top, found)
    for left, parts in bins.items():
        chart.stack(left, left + series.bin_seconds(found), parts, "/s")
    for phase in found.phases:
        if phase.rate:
            ends = [(phase.begin, phase.rate), (phase.begin + phase.seconds, phase.rate)]
            chart.line(ends, "meant", "arrivals, on average")
    return chart.render()


def latency_over_time(found: LoadTest) -> str:
    """A dot for each request, at the moment it should have been sent."""
    dots = [
        (phase, _thinned([(phase.begin + e.scheduled, e.latency * 1000) for e in phase.exchanges]))
        for phase in found.phases
    ]
    top = highest(point for _, points in dots for point in points)
    chart = _timed("Every request", "ms", top, found, "counted from when it should have been sent")
    for (phase, points), colour in zip(dots, _OF_PHASES, strict=True):
        chart.dots(points, colour, phase.name)
    return chart.render()


def stage_times(found: LoadTest) -> str:
    """The stages of a request in each loop; all must be known."""
    divided = {phase.name: series.stages(phase) for phase in found.phases}
    known = {name: parts for name, parts in divided.items() if isinstance(parts, Mapping)}
    most = max(sum(parts.values()) for parts in known.values())
    chart = Chart(
        "Where the time goes",
        "",
        "ms",
        len(known),
        most,
        "mean of a request; a batch decodes and calculates for all of its images together",
        [(index + 0.5, name) for index, name in enumerate(known)],
    )
    for index, parts in enumerate(known.values()):
        stages = [(name, c, ms) for (name, ms), c in zip(parts.items(), _OF_LINES, strict=False)]
        chart.stack(index + 0.25, index + 0.75, stages, " ms")
    return chart.render()


def _over_time(found: LoadTest, shown: Series) -> str:
    lines = shown.lines(found)
    top = highest(point for points in lines.values() for point in points)
    chart = _timed(shown.title, shown.unit, top, found, shown.note)
    for (name, points), colour in zip(lines.items(), _OF_LINES, strict=False):
        chart.line(points, colour, name, shown.unit)
    return chart.render()


def _timed(title: str, unit: str, top: float, found: LoadTest, note: str = "") -> Chart:
    """A chart over the time of the load test, with its loops as bands."""
    end = max(phase.end for phase in found.phases)
    chart = Chart(title, _TIME, unit, end, top, note)
    for phase in found.phases:
        chart.band(phase.begin, phase.end, phase.name)
    return chart


def _milliseconds(phase: Phase) -> list[float]:
    return sorted(each.latency * 1000 for each in phase.of(Outcome.RIGHT))


def _shares(times: Sequence[float], width: float) -> list[Point]:
    counts = [0] * _BINS
    for each in times:
        counts[min(_BINS - 1, int(each / width))] += 1
    return [(index * width, 100 * count / len(times)) for index, count in enumerate(counts)]


def _percentiles(ordered: Sequence[float]) -> list[Point]:
    return [
        (_nines(rank / len(ordered)), value)
        for rank, value in enumerate(ordered)
        # Fewer points where they are dense: the slowest requests matter most.
        if rank % (1 + (len(ordered) - rank) // _BINS) == 0
    ]


def _nines(share: float) -> float:
    """A scale on which 90, 99 and 99.9 percent are equally far apart."""
    return -math.log10(1 - share)


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Some of the points, evenly, and the highest."""
    if len(points) <= _DOTS:
        return list(points)
    slowest = sorted(points, key=lambda point: point[1])[-_DOTS // 10 :]
    return [*points[:: math.ceil(len(points) / _DOTS)], *slowest]
