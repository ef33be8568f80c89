"""Results as Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.report.figures import NONE, Figure, ModelFigures, Quantity, figure, number, spread
from benchmarks.report.results import Results

LIMIT = "the bare limit"

INTRODUCTION = """\
- **The limit** is the same work without a server: a process per processor decodes, resizes and
  classifies in memory, in fp32. A model in int8 may pass it.
- **near_zero** is a model that costs nothing, so its columns show what the server costs. On a CPU
  a large network hides that; beside a GPU it decides the throughput.
- **Several times as fast as stock BentoML**, in BentoML: a service as its documentation teaches
  writes each upload to a temporary file and sends the pixels over HTTP to a second service, which
  batches them. This one reads the upload in memory and batches in its own process."""
"""What a reader must know before the tables."""

# What the README judges the speed by.
_SHOWN_CLIENTS = (16, 64)
_MEGABYTE = 10**6

# Share of the machine that others may use.
_QUIET = 0.1
_TOO_BUSY = " **Too much for figures to count: measure again on a quiet machine.**"

_LOAD_COLUMNS: tuple[tuple[str, Quantity, int], ...] = (
    ("images/s", lambda w: w.images_per_second, 1),
    ("% of the limit", lambda w: 100 * w.speed, 0),
    ("p50, ms", lambda w: w.p50_ms, 1),
    ("p99, ms", lambda w: w.p99_ms, 1),
    ("CPU ms", lambda w: w.cpu_ms, 2),
    ("CPU × limit", lambda w: w.cost, 2),
)
# Where a stack serves the model in another precision than the limit does.
_OWN_COLUMN: tuple[str, Quantity, int] = ("CPU × own limit", lambda w: w.own_cost, 2)
_COMPARED: tuple[Quantity, ...] = (
    lambda w: w.speed,
    lambda w: w.p50_ms,
    lambda w: w.p99_ms,
    lambda w: w.cost,
)


def summary(results: Results) -> str:
    """One table over all models, for the project's README."""
    models = [ModelFigures(results, name) for name in results.models]
    first = models[0]
    shown = [each for each in _SHOWN_CLIENTS if each in first.clients] or first.clients
    limits = [(each.model, *_limit_figures(each)) for each in models]
    told = [f"{n} {number(speed, 0)} images/s, {number(c, 2)} ms CPU" for n, speed, c in limits]
    head = [
        *("stack", *(f"{each.model}: images/s, % of the limit" for each in models)),
        *(f"{first.model}: CPU × limit", f"{first.model}: p99, ms"),
        *("failed", "memory, MB", "ready, s"),
    ]
    rows = [_summary_row(models, stack, shown) for stack in results.versions]
    at = f"At {_dotted(map(str, shown))} clients; the limit: {'; '.join(told)}."
    return "\n\n".join([INTRODUCTION, at, "\n".join(table(head, rows)), _conditions(results)])


def details(results: Results) -> str:
    """Every figure, for the benchmarks' README."""
    parts = [INTRODUCTION, "", _conditions(results), ""]
    for name in results.models:
        model = ModelFigures(results, name)
        stacks = [each for each in results.versions if model.of(each) or model.reason(each)]
        parts += [f"### {name}", "", _limit_long(model), ""]
        for clients in model.clients:
            parts += [*_load_table(model, stacks, clients), ""]
        parts += [*_resources_table(model, stacks), "", *_comparison_table(model, stacks), ""]
    return "\n".join([*parts, *_versions(results)])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; all columns but the first are numbers."""
    rule = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def _summary_row(models: Sequence[ModelFigures], stack: str, shown: Sequence[int]) -> list[str]:
    first = models[0]
    reason = next(filter(None, (each.reason(stack) for each in models)), None)
    if reason and not any(each.of(stack) for each in models):
        return [stack, *([NONE] * (len(models) + 2)), _cell(reason), NONE, NONE]
    failed = [each.failures(stack) for each in models]

    def over(model: ModelFigures, quantity: Quantity, decimals: int = 0) -> str:
        return _dotted(number(model.figure(stack, n, quantity), decimals) for n in shown)

    return [
        stack,
        *(over(each, lambda w: 100 * w.speed) for each in models),
        over(first, lambda w: w.cost, 2),
        over(first, lambda w: w.p99_ms),
        f"{sum(each for each, _ in failed)} of {sum(each for _, each in failed)}",
        _megabytes(first, stack)[0],
        number(first.ready(stack), 1),
    ]


def _load_table(model: ModelFigures, stacks: Sequence[str], clients: int) -> list[str]:
    own = (_OWN_COLUMN,) if any(each.own_limit for each in model.windows) else ()
    columns = _LOAD_COLUMNS + own
    rows = [
        [
            stack,
            *(spread(model.figure(stack, clients, q), places) for _, q, places in columns),
            " of ".join(map(str, model.failures(stack, [clients]))),
            number(model.figure(stack, clients, lambda w: w.generator_cpu_ms), 2),
        ]
        for stack in stacks
    ]
    titles = (title for title, *_ in columns)
    noun = "client" if clients == 1 else "clients"
    head = ["stack", *titles, "failed", "generator CPU ms"]
    return [f"**{clients} {noun}**", "", *table(head, rows)]


def _resources_table(model: ModelFigures, stacks: Sequence[str]) -> list[str]:
    head = ["stack", "ready, s", "memory (PSS), MB", "memory (peak RSS), MB", "absent because"]
    rows = [
        [
            stack,
            spread(model.ready(stack), 1),
            *_megabytes(model, stack),
            _cell(model.reason(stack) or NONE),
        ]
        for stack in stacks
    ]
    return table(head, rows)


def _comparison_table(model: ModelFigures, stacks: Sequence[str]) -> list[str]:
    ours, *peers = stacks
    head = [f"{ours} ÷", f"images/s at {_dotted(map(str, model.clients))} clients"]
    rows = [
        [
            peer,
            *(
                _dotted(number(model.ratio(ours, peer, n, quantity), 2) for n in model.clients)
                for quantity in _COMPARED
            ),
        ]
        for peer in peers
    ]
    return table([*head, "p50", "p99", "CPU"], rows)


def _conditions(results: Results) -> str:
    machine = results.machine
    rounds = len({each.round for each in results.windows})
    busy = figure(each.other_cpu_seconds / each.seconds / machine.cpus for each in results.windows)
    return (
        f"{machine.processor}, {machine.cpus} CPUs, {machine.memory_gb:.0f} GB, {machine.system}, "
        f"Python {machine.python}; {results.photographs}; medians of {rounds} × "
        f"{results.seconds:g} s windows or longer, {results.date}. "
        f"Other processes and the host used {number(busy, 0, 100)} % of the machine meanwhile."
        + (_TOO_BUSY if busy and busy.median > _QUIET else "")
    )


def _versions(results: Results) -> list[str]:
    rows = [
        [stack, ", ".join(f"{name} {version}" for name, version in versions.items()) or NONE]
        for stack, versions in results.versions.items()
    ]
    return table(["stack", "versions"], rows)


def _limit_figures(model: ModelFigures) -> tuple[Figure | None, Figure | None]:
    return (model.limit(lambda w: w.limit.images_per_second), model.limit(lambda w: w.limit.cpu_ms))


def _limit_long(model: ModelFigures) -> str:
    speed, cost = _limit_figures(model)
    sizes = " or ".join(map(str, sorted({each.limit.batch_size for each in model.windows})))
    return (
        f"{LIMIT.capitalize()}, in batches of {sizes}: {spread(speed, 1)} images/s, "
        f"{spread(cost, 2)} ms CPU an image."
    )


def _megabytes(model: ModelFigures, stack: str) -> list[str]:
    memory = model.memory(stack)
    return [f"{each / _MEGABYTE:.0f}" for each in memory] if memory else [NONE, NONE]


def _dotted(texts: Iterable[str]) -> str:
    return " · ".join(texts)


def _cell(text: str) -> str:
    """Without what would end a cell."""
    return " ".join(text.replace("|", "/").split())
