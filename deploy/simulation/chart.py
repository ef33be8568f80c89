"""A day as an SVG: traffic, replicas, p99 and what was shed, each over the hours."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deploy.simulation.autoscaler import SYNC_SECONDS
from deploy.simulation.day import STEPS_PER_POINT, Day, quantile

_WIDTH, _HEIGHT = 760, 130  # of a panel's plot
_LEFT, _TOP, _GAP = 70, 50, 45
_COLOURS = ("#0b6e4f", "#c8553d", "#5f6caf")
_GREY = "#8d99ae"
_HOURS = 24
_MOST_TICKS = 5


@dataclass(frozen=True)
class Panel:
    """One plot: its title, its lines by colour, and the scale of its vertical axis."""

    title: str
    lines: Sequence[tuple[str, Sequence[float]]]
    ticks: Sequence[float]
    height: Callable[[float], float]

    def svg(self, top: float) -> str:
        """Drawn at a distance from the top, in pixels."""
        parts = [_text(_LEFT, top - 10, self.title, "start", "bold")]
        for tick in self.ticks:
            y = top + _HEIGHT * (1 - self.height(tick))
            parts += [_rule(y), _text(_LEFT - 8, y + 4, f"{tick:g}", "end")]
        parts += [_polyline(colour, values, self.height, top) for colour, values in self.lines]
        return "\n".join(parts)


def draw(days: Mapping[str, Day]) -> str:
    """One line for each day, by its name; all had the same traffic."""
    coloured = list(zip(_COLOURS, days.values(), strict=False))
    sent = _points(next(iter(days.values())).sent, lambda step: sum(step) / len(step))
    traffic = [each / SYNC_SECONDS for each in sent]
    panels = [
        _linear("images sent a second", [(_GREY, traffic)]),
        _linear("replicas", [(c, _points(d.replicas, max)) for c, d in coloured]),
        _logarithmic("p99 of five minutes, milliseconds", [(c, _p99(d)) for c, d in coloured]),
        _linear("percent refused, of five minutes", [(c, _shed(d)) for c, d in coloured]),
    ]
    height = _TOP + len(panels) * (_HEIGHT + _GAP)
    body = [panel.svg(_TOP + i * (_HEIGHT + _GAP)) for i, panel in enumerate(panels)]
    hours = [
        _text(_LEFT + _WIDTH * hour / _HOURS, height - _GAP + 18, f"{hour} h")
        for hour in range(0, _HOURS + 1, 3)
    ]
    return "\n".join([_head(height), *_legend(list(days)), *body, *hours, "</svg>", ""])


def _points(values: Sequence[int], of: Callable[[Sequence[int]], float]) -> list[float]:
    starts = range(0, len(values), STEPS_PER_POINT)
    return [float(of(values[start : start + STEPS_PER_POINT])) for start in starts]


def _p99(day: Day) -> list[float]:
    return [quantile(counts, 0.99) * 1000 for counts in day.latencies]


def _shed(day: Day) -> list[float]:
    pairs = zip(_points(day.shed, sum), _points(day.sent, sum), strict=True)
    return [100 * shed / sent for shed, sent in pairs]


def _linear(title: str, lines: Sequence[tuple[str, Sequence[float]]]) -> Panel:
    most = max(max(values) for _, values in lines) or 1.0
    step = 10 ** math.floor(math.log10(most))
    step = next(step * each for each in (0.2, 0.5, 1, 2, 5) if most / (step * each) <= _MOST_TICKS)
    ticks = [step * index for index in range(math.ceil(most / step) + 1)]
    return Panel(title, lines, ticks, lambda value: value / ticks[-1])


def _logarithmic(title: str, lines: Sequence[tuple[str, Sequence[float]]]) -> Panel:
    ticks = [10.0, 100.0, 1000.0, 10_000.0]
    return Panel(title, lines, ticks, lambda value: math.log10(max(value, ticks[0]) / 10) / 3)


def _head(height: float) -> str:
    width = _LEFT + _WIDTH + 30
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>'
    )


def _legend(names: Sequence[str]) -> list[str]:
    return [
        f'<text x="{_LEFT + 210 * index}" y="18" fill="{colour}" font-weight="bold">{name}</text>'
        for index, (colour, name) in enumerate(zip(_COLOURS, names, strict=False))
    ]


def _polyline(
    colour: str, values: Sequence[float], height: Callable[[float], float], top: float
) -> str:
    across = _WIDTH / (len(values) - 1)
    points = " ".join(
        f"{_LEFT + across * index:.1f},{top + _HEIGHT * (1 - height(value)):.1f}"
        for index, value in enumerate(values)
    )
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.3" points="{points}"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{text}</text>'
    )


def _rule(y: float) -> str:
    return f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>'
