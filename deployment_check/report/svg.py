"""Charts as inline SVG: scales, axes and marks. Colours come from the page's style sheet.

No library draws them: the page needs light and dark colours, values under the pointer and the loops
as bands, without JavaScript, and the check shall not install a plotting library.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

Point = tuple[float, float]

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 30, 40
_TICKS = 5
_HOVER_RADIUS = 7


@dataclass(frozen=True)
class Scale:
    """Values to pixels, in a straight line."""

    low: float  # value at the first pixel
    high: float  # value at the last one
    first: float  # pixel
    last: float  # pixel

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.first + share * (self.last - self.first), 1)

    def ticks(self) -> list[float]:
        """Round values in the range, about five."""
        step = _round_step((self.high - self.low) / _TICKS)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


@dataclass
class Chart:
    title: str
    x_label: str  # with its unit
    y_label: str  # with its unit
    x: Point  # range of values
    y: Point  # range of values
    note: str = ""  # below the title
    # Values with their texts; None: round numbers.
    x_ticks: Sequence[tuple[float, str]] | None = None
    _marks: list[str] = field(default_factory=list)
    _legend: dict[str, str] = field(default_factory=dict)
    _bands: int = 0

    def __post_init__(self) -> None:
        low, high = self.y
        self.across = Scale(*_apart(self.x), _LEFT, WIDTH - _RIGHT)
        self.up = Scale(*_apart((low, high * 1.05)), HEIGHT - _BOTTOM, _TOP)

    def band(self, start: float, end: float, text: str) -> None:
        """A part of the x axis with a name."""
        left, right = self.across(start), self.across(end)
        self._bands += 1
        shade = "odd" if self._bands % 2 else ""
        self._marks.append(
            f'<rect class="band {shade}" x="{left}" y="{_TOP - 18}" '
            f'width="{max(0, right - left):.1f}" height="{HEIGHT - _BOTTOM - _TOP + 18}"/>'
            f'<text class="band-name" x="{left + 5}" y="{_TOP - 5}">{escape(text)}</text>'
        )

    def line(self, points: Sequence[Point], colour: str, name: str, unit: str) -> None:
        if not points:
            return
        self._legend[name] = colour
        self._marks.append(f'<path class="line {colour}" d="{self._path(points)}"/>')
        self._marks += [
            f'<circle class="hover {colour}" cx="{self.across(x)}" cy="{self.up(y)}" '
            f'r="{_HOVER_RADIUS}"><title>{escape(name)}: {number(y)} {unit}</title></circle>'
            for x, y in points
        ]

    def curve(self, points: Sequence[Point], colour: str, name: str) -> None:
        """A line of many points, without tooltips."""
        if points:
            self._legend[name] = colour
            self._marks.append(f'<path class="line {colour}" d="{self._path(points)}"/>')

    def steps(self, points: Sequence[Point], width: float, colour: str, name: str) -> None:
        """A histogram's outline over its area; points are the left ends of bins."""
        self._legend[name] = colour
        corners = [(x + shift, y) for x, y in points for shift in (0, width)]
        path = self._path(corners)
        start, end = self.across(points[0][0]), self.across(points[-1][0] + width)
        floor = self.up(self.y[0])
        self._marks.append(
            f'<path class="area {colour}" d="{path}L{end},{floor}L{start},{floor}Z"/>'
            f'<path class="line thin {colour}" d="{path}"/>'
        )

    def bar(
        self, left: float, right: float, bottom: float, top: float, mark: tuple[str, str]
    ) -> None:
        """A bar between values; the mark is its colour and its tooltip."""
        x, y = self.across(left), self.up(top)
        width = max(0.5, self.across(right) - x - 1)
        self._marks.append(
            f'<rect class="bar {mark[0]}" x="{x}" y="{y}" width="{width:.1f}" '
            f'height="{self.up(bottom) - y:.1f}"><title>{escape(mark[1])}</title></rect>'
        )

    def dots(self, points: Iterable[Point], colour: str, name: str) -> None:
        self._legend[name] = colour
        circles = "".join(
            f'<circle cx="{self.across(x)}" cy="{self.up(y)}" r="2"/>' for x, y in points
        )
        self._marks.append(f'<g class="dots {colour}">{circles}</g>')

    def legend(self, name: str, colour: str) -> None:
        """An entry for what has none by itself."""
        self._legend[name] = colour

    def render(self) -> str:
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
    """For people: three digits that matter, thousands apart."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def highest(points: Iterable[Point], least: float = 0.0) -> float:
    return max((y for _, y in points), default=least) or least or 1.0


def _round_step(step: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(step))
    return next(each * magnitude for each in (1, 2, 2.5, 5, 10) if each * magnitude >= step * 0.999)


def _apart(span: Point) -> Point:
    """A range of more than one value."""
    low, high = span
    return (low, high) if high > low else (low, low + 1)
