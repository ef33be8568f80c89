"""Results as a picture: throughput and p99 against the number of clients."""

from pathlib import Path
from typing import Any

from benchmarks.report.figures import ModelFigures, Quantity
from benchmarks.report.results import Results
from benchmarks.report.tables import LIMIT

_MOST_CLIENTS = 64
_INCHES = (11.0, 3.6)
_DPI = 110

# matplotlib has ten colours. The next ten stacks have them again, and so need other lines.
_COLOURS = 10
_LINES = ({"marker": "o"}, {"marker": "s", "linestyle": ":"})


def new_figure(
    rows: int, columns: int, inches: tuple[float, float], *, share_x: bool = False
) -> Any:
    """A matplotlib figure that needs no display; its ``axes`` are row by row. Needs ``bench``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, layout="constrained")
    figure.subplots(rows, columns, sharex=share_x)
    return figure


def save(figure: Any, file: Path, dpi: int = _DPI) -> None:
    """Write a PNG or SVG; the same figure gives the same file, whatever the library's version."""
    file.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if file.suffix == ".svg" else {"Software": None}
    figure.savefig(file, dpi=dpi, metadata=metadata)


def draw(results: Results, file: Path) -> None:
    """A row of two plots for each model."""
    names = results.models
    figure = new_figure(len(names), 2, (_INCHES[0], _INCHES[1] * len(names)))
    for name, throughput, latency in zip(names, figure.axes[::2], figure.axes[1::2], strict=True):
        model = ModelFigures(results, name)
        _lines(throughput, model, lambda w: w.images_per_second, f"{name}: images/s")
        _lines(latency, model, lambda w: w.p99_ms, f"{name}: p99, ms")
        if limit := model.limit(lambda w: w.limit.images_per_second):
            throughput.axhline(limit.median, linestyle="--", color="black", label=LIMIT)
        throughput.set_ylim(bottom=0)
        latency.set_yscale("log")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize="small")
    save(figure, file)


def _lines(axes: Any, model: ModelFigures, quantity: Quantity, title: str) -> None:
    for index, stack in enumerate(model.results.versions):
        points = {
            clients: found.median
            for clients in model.clients
            if clients <= _MOST_CLIENTS and (found := model.figure(stack, clients, quantity))
        }
        style = {**_LINES[index // _COLOURS % len(_LINES)], "color": f"C{index}"}
        axes.plot(list(points), list(points.values()), label=stack, markersize=3, **style)
    axes.set_title(title, fontsize="medium")
    axes.set_xlabel("clients")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.grid(visible=True, alpha=0.3)
