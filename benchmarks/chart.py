"""Results as a picture: throughput and p99 against the number of clients."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.figures import ModelFigures
from benchmarks.results import Results
from benchmarks.tables import LIMIT, models_of, stacks_of

if TYPE_CHECKING:
    from benchmarks.figures import Quantity

_MOST_CLIENTS = 64
_INCHES = (11.0, 3.6)
_DPI = 110


def draw(results: Results, file: Path) -> None:
    """Write a PNG; needs the extra ``bench``."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    names = models_of(results)
    figure, axes = pyplot.subplots(
        len(names), 2, figsize=(_INCHES[0], _INCHES[1] * len(names)), squeeze=False
    )
    for name, (throughput, latency) in zip(names, axes, strict=True):
        model = ModelFigures(results, name)
        _lines(throughput, model, lambda w: w.requests_per_second)
        _lines(latency, model, lambda w: w.p99_ms)
        limit = model.limit(lambda w: w.limit.images_per_second)
        if limit:
            throughput.axhline(limit.median, linestyle="--", color="black", label=LIMIT)
        _label(throughput, f"{name}: images/s")
        _label(latency, f"{name}: p99, ms")
        throughput.set_ylim(bottom=0)
        latency.set_yscale("log")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize="small")
    figure.set_layout_engine("constrained")
    file.parent.mkdir(parents=True, exist_ok=True)
    # Without the library's version in it, so that the same results give the same file.
    figure.savefig(file, dpi=_DPI, metadata={"Software": None})
    pyplot.close(figure)


def _lines(axes: Any, model: ModelFigures, quantity: "Quantity") -> None:
    for index, stack in enumerate(stacks_of(model.results)):
        points = [
            (clients, found.median)
            for clients in model.clients
            if clients <= _MOST_CLIENTS and (found := model.figure(stack, clients, quantity))
        ]
        axes.plot(
            [clients for clients, _ in points],
            [value for _, value in points],
            marker="o",
            markersize=3,
            color=f"C{index}",
            label=stack,
        )


def _label(axes: Any, title: str) -> None:
    axes.set_title(title, fontsize="medium")
    axes.set_xlabel("clients")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.grid(visible=True, alpha=0.3)
