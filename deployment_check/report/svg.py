"""Charts as inline SVG: scales, axes and marks. Colours come from the page's style sheet.

No library draws them. The page needs light and dark colours, tooltips with values and bands for the
loops, without JavaScript; and the check must not need a plotting library.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

Point = tuple[float, float]

Part = tuple[str, str, float]  # of a stack of bars: name, colour and height

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 30, 40
_TICKS = 5
_HOVER_RADIUS = 7


@dataclass(frozen=True)
class Scale:
    """A linear scale from 0, from values to pixels."""

    high: float  # value at the last pixel
    first: float  # pixel
    last: float  # pixel

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        return round(self.first + value / self.high * (self.last - self.first), 1)

    def ticks(self) -> list[float]:
        """Round values in the range, about five."""
        least = self.high / _TICKS
        magnitude = 10.0 ** math.floor(math.log10(least))
        steps = (each * magnitude for each in (1, 2, 2.5, 5, 10))
        step = next(each for each in steps if each >= least * 0.999)
        return [number * step for number in range(math.floor(self.high / step + 1e-9) + 1)]


@dataclass
class Chart:
    """A chart to which marks are added."""

    title: str
    x_label: str  # with its unit
    y_label: str  # with its unit
    x: float  # greatest value
    y: float  # greatest value
    note: str = ""  # below the title
    x_ticks: Sequence[tuple[float, str]] | None = None  # None: round numbers
    _marks: list[str] = field(default_factory=list)
    _legend: dict[str, str] = field(default_factory=dict)
    _bands: int = 0

    def __post_init__(self) -> None:
        self.across = Scale(self.x or 1.0, _LEFT, WIDTH - _RIGHT)
        self.up = Scale(self.y * 1.05 or 1.0, HEIGHT - _BOTTOM, _TOP)

    def band(self, start: float, end: float, text: str) -> None:
        """A named part of the x axis."""
        left, right = self.across(start), self.across(end)
        self._bands += 1
        shade = "odd" if self._bands % 2 else ""
        self._marks.append(
            f'<rect class="band {shade}" x="{left}" y="{_TOP - 18}" '
            f'width="{max(0, right - left):.1f}" height="{HEIGHT - _BOTTOM - _TOP + 18}"/>'
            f'<text class="band-name" x="{left + 5}" y="{_TOP - 5}">{escape(text)}</text>'
        )

    def line(
        self, points: Sequence[Point], colour: str, name: str, unit: str | None = None
    ) -> None:
        """A line; with a unit, each of its points has a tooltip."""
        if not points:
            return
        self._legend[name] = colour
        self._marks.append(f'<path class="line {colour}" d="{self._path(points)}"/>')
        self._marks += [
            f'<circle class="hover {colour}" cx="{self.across(x)}" cy="{self.up(y)}" '
            f'r="{_HOVER_RADIUS}"><title>{escape(name)}: {number(y)} {unit}</title></circle>'
            for x, y in (points if unit is not None else ())
        ]

    def steps(self, points: Sequence[Point], width: float, colour: str, name: str) -> None:
        """A histogram's outline over its area; points are the left ends of bins."""
        self._legend[name] = colour
        corners = [(x + shift, y) for x, y in points for shift in (0, width)]
        path = self._path(corners)
        start, end = self.across(points[0][0]), self.across(points[-1][0] + width)
        floor = self.up(0)
        self._marks.append(
            f'<path class="area {colour}" d="{path}L{end},{floor}L{start},{floor}Z"/>'
            f'<path class="line thin {colour}" d="{path}"/>'
        )

    def stack(self, left: float, right: float, parts: Iterable[Part], unit: str) -> None:
        """Stacked bars between two values of x, each with a tooltip."""
        x, floor = self.across(left), 0.0
        width = max(0.5, self.across(right) - x - 1)
        for name, colour, height in parts:
            self._legend[name] = colour
            y, bottom = self.up(floor + height), self.up(floor)
            floor += height
            self._marks.append(
                f'<rect class="bar {colour}" x="{x}" y="{y}" width="{width:.1f}" '
                f'height="{bottom - y:.1f}">'
                f"<title>{escape(name)}: {number(height)}{unit}</title></rect>"
            )

    def dots(self, points: Iterable[Point], colour: str, name: str) -> None:
        """A dot for each point."""
        self._legend[name] = colour
        circles = "".join(
            f'<circle cx="{self.across(x)}" cy="{self.up(y)}" r="2"/>' for x, y in points
        )
        self._marks.append(f'<g class="dots {colour}">{circles}</g>')

    def render(self) -> str:
        """The figure as HTML."""
        keys = "".join(
            f'<span class="key"><i class="{colour}"></i>{escape(name)}</span>'
            for name, colour in self._legend.items()
        )
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return (
            f"<figure><figcaption><h3>{escape(self.title)}</h3>{note}"
            f'<div class="keys">{keys}</div></figcaption>'
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}">'
            f"{self._axes()}{''.join(self._marks)}</svg></figure>"
        )

    def _axes(self) -> str:
        left, right, bottom = _LEFT, WIDTH - _RIGHT, HEIGHT - _BOTTOM
        rows = "".join(
            f'<line class="grid" x1="{left}" x2="{right}" y1="{self.up(v)}" y2="{self.up(v)}"/>'
            f'<text class="tick" x="{left - 7}" y="{self.up(v) + 4}" text-anchor="end">'
            f"{number(v)}</text>"
            for v in self.up.ticks()
        )
        marks = self.x_ticks or [(v, number(v)) for v in self.across.ticks()]
        columns = "".join(
            f'<text class="tick" x="{self.across(v)}" y="{bottom + 16}" text-anchor="middle">'
            f"{escape(text)}</text>"
            for v, text in marks
        )
        return (
            f'{rows}{columns}<text class="axis" x="4" y="{_TOP - 18}">{escape(self.y_label)}</text>'
            f'<text class="axis" x="{right}" y="{HEIGHT - 6}" text-anchor="end">'
            f"{escape(self.x_label)}</text>"
        )

    def _path(self, points: Sequence[Point]) -> str:
        return "M" + "L".join(f"{self.across(x)},{self.up(y)}" for x, y in points)


def number(value: float) -> str:
    """A number for people: three significant digits, and commas between thousands."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def highest(points: Iterable[Point]) -> float:
    """The greatest y, for an axis."""
    return max((y for _, y in points), default=0.0) or 1.0
