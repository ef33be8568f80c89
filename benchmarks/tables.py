"""Results as Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.figures import Figure, ModelFigures, distinct, figure
from benchmarks.results import Results

LIMIT = "the bare limit"
NONE = "–"

# What the issue of speed is judged by.
_SHOWN_CLIENTS = (16, 64)
_MEGABYTE = 10**6

# Share of the machine that others may use.
_QUIET = 0.1
_TOO_BUSY = " **Too much for figures to count: measure again on a quiet machine.**"


def summary(results: Results) -> str:
    """One table over all models, for the project's README."""
    models = [ModelFigures(results, name) for name in models_of(results)]
    shown = [each for each in _SHOWN_CLIENTS if each in models[0].clients] or models[0].clients
    clients = " · ".join(map(str, shown))
    head = [
        "stack",
        *(f"{each.model}: images/s, % of the limit" for each in models),
        *(f"{each.model}: CPU × limit" for each in models[:1]),
        *(f"{each.model}: p99, ms" for each in models[:1]),
        "failed",
        "memory, MB",
        "ready, s",
    ]
    rows = [_summary_row(models, stack, shown) for stack in stacks_of(results)]
    limits = "; ".join(f"{each.model} {_limit_short(each)}" for each in models)
    return "\n".join(
        [
            f"At {clients} clients; the limit: {limits}.",
            "",
            *table(head, rows),
            "",
            *_conditions(results),
        ]
    )


def details(results: Results) -> str:
    """Every figure, for the benchmarks' README."""
    parts: list[str] = [*_conditions(results), ""]
    for name in models_of(results):
        model = ModelFigures(results, name)
        stacks = stacks_of(results)
        parts += [f"### {name}", "", _limit_long(model), ""]
        for clients in model.clients:
            parts += [*_load_table(model, stacks, clients), ""]
        parts += [*_resources_table(model, stacks), ""]
        parts += [*_comparison_table(model, stacks), ""]
    parts += [*_versions(results)]
    return "\n".join(parts)


def models_of(results: Results) -> list[str]:
    """Names, in the order they were measured."""
    windows = (each.model for each in results.windows)
    return distinct([*windows, *(each.model for each in results.absences)])


def stacks_of(results: Results) -> list[str]:
    """Titles of the measured and the absent, in the order the run was told."""
    return list(results.versions)


def _summary_row(models: Sequence[ModelFigures], stack: str, shown: Sequence[int]) -> list[str]:
    first = models[0]
    failed = [each.failures(stack) for each in models]
    memory, ready = first.memory(stack), first.ready(stack)
    reason = next(filter(None, (each.reason(stack) for each in models)), None)
    if reason and not any(each.of(stack) for each in models):
        return [stack, *([NONE] * len(models)), NONE, NONE, _cell(reason), NONE, NONE]
    return [
        stack,
        *(
            _several(each.figure(stack, n, lambda w: 100 * w.speed) for n in shown)
            for each in models
        ),
        _several((first.figure(stack, n, lambda w: w.cost) for n in shown), 2),
        _several(first.figure(stack, n, lambda w: w.p99_ms) for n in shown),
        f"{sum(each for each, _ in failed)} of {sum(each for _, each in failed)}",
        NONE if memory is None else f"{memory[0] / _MEGABYTE:.0f}",
        number(ready, 1),
    ]


def _load_table(model: ModelFigures, stacks: Sequence[str], clients: int) -> list[str]:
    head = ["stack", "images/s", "% of the limit", "p50, ms", "p99, ms", "CPU ms", "CPU × limit",
            "failed", "generator CPU ms"]  # fmt: skip
    rows = [
        [
            stack,
            spread(model.figure(stack, clients, lambda w: w.requests_per_second), 1),
            spread(model.figure(stack, clients, lambda w: 100 * w.speed), 0),
            spread(model.figure(stack, clients, lambda w: w.p50_ms), 1),
            spread(model.figure(stack, clients, lambda w: w.p99_ms), 1),
            spread(model.figure(stack, clients, lambda w: w.cpu_ms), 2),
            spread(model.figure(stack, clients, lambda w: w.cost), 2),
            " of ".join(map(str, model.failures(stack, [clients]))),
            number(
                model.figure(
                    stack, clients, lambda w: 1000 * w.generator_cpu_seconds / max(1, w.requests)
                ),
                2,
            ),
        ]
        for stack in stacks
    ]
    noun = "client" if clients == 1 else "clients"
    return [f"**{clients} {noun}**", "", *table(head, rows)]


def _resources_table(model: ModelFigures, stacks: Sequence[str]) -> list[str]:
    head = ["stack", "ready, s", "memory (PSS), MB", "memory (peak RSS), MB", "absent because"]
    rows = []
    for stack in stacks:
        memory = model.memory(stack)
        sizes = [NONE, NONE] if memory is None else [f"{each / _MEGABYTE:.0f}" for each in memory]
        rows.append(
            [stack, spread(model.ready(stack), 1), *sizes, _cell(model.reason(stack) or NONE)]
        )
    return table(head, rows)


def _comparison_table(model: ModelFigures, stacks: Sequence[str]) -> list[str]:
    """The first stack against each other one."""
    ours, *peers = stacks
    shown = model.clients
    clients = " · ".join(map(str, shown))
    head = [f"{ours} ÷", f"images/s at {clients} clients", "p50", "p99", "CPU"]
    quantities = (
        (lambda w: w.speed),
        (lambda w: w.p50_ms),
        (lambda w: w.p99_ms),
        (lambda w: w.cost),
    )
    rows = [
        [
            peer,
            *(
                _several((model.ratio(ours, peer, n, quantity) for n in shown), 2)
                for quantity in quantities
            ),
        ]
        for peer in peers
    ]
    return table(head, rows)


def _conditions(results: Results) -> list[str]:
    machine = results.machine
    rounds = len({each.round for each in results.windows})
    busy = figure(each.other_cpu_seconds / each.seconds / machine.cpus for each in results.windows)
    return [
        f"{machine.processor}, {machine.cpus} CPUs, {machine.memory_gb:.0f} GB, {machine.system}, "
        f"Python {machine.python}; {results.photographs}; medians of {rounds} × "
        f"{results.seconds:g} s windows or longer, {results.date}. "
        f"Other processes and the host used {number(busy, 0, 100)} % of the machine meanwhile."
        + (_TOO_BUSY if busy and busy.median > _QUIET else "")
    ]


def _versions(results: Results) -> list[str]:
    rows = [
        [stack, ", ".join(f"{name} {version}" for name, version in versions.items()) or NONE]
        for stack, versions in results.versions.items()
    ]
    return table(["stack", "versions"], rows)


def _limit_short(model: ModelFigures) -> str:
    speed = number(model.limit(lambda w: w.limit.images_per_second), 0)
    return f"{speed} images/s, {number(model.limit(lambda w: w.limit.cpu_ms), 2)} ms CPU"


def _limit_long(model: ModelFigures) -> str:
    sizes = " or ".join(map(str, sorted({each.limit.batch_size for each in model.windows})))
    return (
        f"{LIMIT.capitalize()}, in batches of {sizes}: "
        f"{spread(model.limit(lambda w: w.limit.images_per_second), 1)} images/s, "
        f"{spread(model.limit(lambda w: w.limit.cpu_ms), 2)} ms CPU an image."
    )


def number(figure: Figure | None, decimals: int, factor: float = 1.0) -> str:
    """The median."""
    return NONE if figure is None else f"{factor * figure.median:.{decimals}f}"


def _several(figures: Iterable[Figure | None], decimals: int = 0) -> str:
    return " · ".join(number(each, decimals) for each in figures)


def spread(figure: Figure | None, decimals: int) -> str:
    """The median, and the least and the greatest."""
    if figure is None:
        return NONE
    low, high = f"{figure.least:.{decimals}f}", f"{figure.greatest:.{decimals}f}"
    return f"{figure.median:.{decimals}f} ({low}–{high})"


def _cell(text: str) -> str:
    """Without what would end a cell."""
    return " ".join(text.replace("|", "/").split())


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; all columns but the first are numbers."""
    rule = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]
