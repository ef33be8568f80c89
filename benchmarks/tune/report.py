"""What was found, as Markdown, a sentence and a picture."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import tables
from benchmarks.report.chart import new_figure, save
from benchmarks.tune.candidates import told
from benchmarks.tune.front import JUDGED_CLIENTS, NOISE, Choice, Measured, front

_HEAD = (
    *("settings", "images/s", f"p99 with {JUDGED_CLIENTS} clients, ms"),
    *("p50 alone, ms", "failed", ""),
)
_INCHES = (8.0, 5.0)


def table(measured: Sequence[Measured], choice: Choice) -> str:
    """By ascending p99; what is dominated, and by which settings, is said."""
    rows = sorted(measured, key=lambda each: each.p99_ms)
    return "\n".join(tables.table(_HEAD, [_row(each, measured, choice) for each in rows]))


def _row(each: Measured, measured: Sequence[Measured], choice: Choice) -> list[str]:
    figures = (each.images_per_second, each.p99_ms, each.alone_ms)
    remark = _remark(each, measured, choice)
    return [told(each.values), *map("{:.1f}".format, figures), str(each.failures), remark]


def _remark(each: Measured, measured: Sequence[Measured], choice: Choice) -> str:
    best = [other for other in front(measured) if other.dominates(each)]
    remark = f"dominated by {told(best[-1].values)}" if best else "Pareto"
    return f"{remark}; best" if each == choice.best else remark


def verdict(choice: Choice, default: Measured, p99_ms: float) -> str:
    """What was chosen, and how far the defaults are from it."""
    best = choice.best
    missed = f"a p99 of {p99_ms:g} ms cannot be met here; the lowest is {best.p99_ms:.1f} ms\n"
    first = "" if choice.meets else missed
    if not choice.worth_it:
        return f"{first}the defaults are best (nothing is better by {NOISE:.0%} or more)"
    speed = default.images_per_second / best.images_per_second
    latency = default.p99_ms / best.p99_ms
    return (
        f"{first}best: {told(best.values)}; the defaults give {100 * speed:.0f} % of its "
        f"images/s with {100 * latency:.0f} % of its p99"
    )


def draw(measured: Sequence[Measured], choice: Choice, p99_ms: float, file: Path) -> None:
    """Write a PNG of throughput against p99; needs the extra ``bench``."""
    figure = new_figure(1, 1, _INCHES)
    (axes,) = figure.axes
    best = front(measured)
    axes.plot(*_points(best), color="C0", label="Pareto front")
    axes.scatter(*_points([each for each in measured if each not in best]), color="C7")
    axes.scatter(*_points([choice.best]), marker="*", s=150, color="C1", label="best", zorder=3)
    axes.axvline(p99_ms, linestyle="--", color="black", label="target")
    for each in measured:
        axes.annotate(
            told(each.values), (each.p99_ms, each.images_per_second),
            xytext=(4, 4), textcoords="offset points", fontsize="x-small",
        )  # fmt: skip
    axes.set_xlabel(f"p99 with {JUDGED_CLIENTS} clients, ms")
    axes.set_ylabel("images/s")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small")
    save(figure, file)


def _points(measured: Sequence[Measured]) -> tuple[list[float], list[float]]:
    return [each.p99_ms for each in measured], [each.images_per_second for each in measured]
