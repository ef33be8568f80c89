"""A day as a picture: traffic, replicas, p99 and refusals, each over the hours."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report.chart import new_figure, save
from deploy.simulation.autoscaler import SYNC_SECONDS
from deploy.simulation.day import STEPS_PER_POINT, Day, quantile

_INCHES = (9.0, 9.0)
_DPI = 100
_HOURS = 24
_GREY = "0.6"


def draw(days: Mapping[str, Day], file: Path) -> None:
    """Write a PNG with a line for each day, by its name; all had the same traffic.

    Needs the extra ``bench``.
    """
    figure = new_figure(4, 1, _INCHES, share_x=True)
    axes = figure.axes
    sent = _points(next(iter(days.values())).sent, lambda step: sum(step) / len(step))
    _line(axes[0], [each / SYNC_SECONDS for each in sent], "sent", _GREY)
    for index, (name, day) in enumerate(days.items()):
        colour = f"C{index}"
        _line(axes[1], _points(day.replicas, max), name, colour)
        _line(axes[2], [1000 * quantile(counts, 0.99) for counts in day.latencies], name, colour)
        pairs = zip(_points(day.refused, sum), _points(day.sent, sum), strict=True)
        _line(axes[3], [100 * refused / sent for refused, sent in pairs], name, colour)
    axes[2].set_yscale("log")
    titles = (
        *("images sent a second", "replicas"),
        *("p99 of five minutes, milliseconds", "percent refused, of five minutes"),
    )
    for each, title in zip(axes, titles, strict=True):
        each.set_title(title, loc="left", fontsize="medium")
        each.grid(visible=True, alpha=0.3)
    axes[1].legend(fontsize="small")
    axes[3].set_xlabel("hours")
    axes[3].set_xticks(range(0, _HOURS + 1, 3))
    save(figure, file, _DPI)


def _line(axes: Any, values: Sequence[float], name: str, colour: str) -> None:
    hours = [_HOURS * index / len(values) for index in range(len(values))]
    axes.plot(hours, values, linewidth=1, color=colour, label=name)


def _points(values: Sequence[int], of: Callable[[Sequence[int]], float]) -> list[float]:
    starts = range(0, len(values), STEPS_PER_POINT)
    return [float(of(values[start : start + STEPS_PER_POINT])) for start in starts]
