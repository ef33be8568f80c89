"""What batching earns: ``python -m benchmarks.batching``. Prints Markdown, writes JSON.

On a model with a fixed cost for every ``session.run`` (``benchmarks.toys``), the service with
default settings, with larger batches and without batching is measured beside the limit in
batches of the ideal size.
"""

import argparse
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks import forms
from benchmarks.figures import ModelFigures
from benchmarks.measure import Plan
from benchmarks.models import FOLDER
from benchmarks.results import Results, Window
from benchmarks.run import images, note, run
from benchmarks.stacks import OURS, STACKS, Stack
from benchmarks.tables import number, spread, table
from benchmarks.toys import SUBLINEAR

MAX_BATCH_SIZE = 64
DEFAULT, LARGE, SINGLY = "default settings", f"batches up to {MAX_BATCH_SIZE}", "no batching"

LIGHT, HEAVY = (1, 2), 64
SECONDS = 6
ROUNDS = 3

_LIMIT_BATCH_SIZES = (1, 2, 4, 8, 16, 32, MAX_BATCH_SIZE)


def report(results: Results) -> str:
    """Throughput under load against the ideal, latency at light load against no batching."""
    model = ModelFigures(results, SUBLINEAR)
    rows = [_row(model, stack, clients) for clients in model.clients for stack in _STACKS]
    head = ["clients", "", "images/s", "% of the ideal", "p99, ms", "failed", "batches"]
    sizes = " or ".join(map(str, sorted({each.limit.batch_size for each in model.windows})))
    ideal = number(model.limit(lambda w: w.limit.images_per_second), 1)
    ratios = [
        [stack, *(_ratio(model, stack, clients) for clients in model.clients)]
        for stack in (DEFAULT, LARGE)
    ]
    return "\n".join(
        [
            f"The ideal, batches of {sizes} without a server: {ideal} images/s.",
            "",
            *table(head, rows),
            "",
            *table(["p99 ÷ that without batching", *_clients(model)], ratios),
        ]
    )


def _row(model: ModelFigures, stack: str, clients: int) -> list[str]:
    return [
        str(clients),
        stack,
        spread(model.figure(stack, clients, lambda w: w.requests_per_second), 1),
        spread(model.figure(stack, clients, lambda w: 100 * w.speed), 0),
        spread(model.figure(stack, clients, lambda w: w.p99_ms), 1),
        " of ".join(map(str, model.failures(stack, [clients]))),
        _batches(model.of(stack, clients)),
    ]


def _ratio(model: ModelFigures, stack: str, clients: int) -> str:
    return spread(model.ratio(stack, SINGLY, clients, lambda w: w.p99_ms), 2)


def _clients(model: ModelFigures) -> list[str]:
    return [f"{clients} clients" for clients in model.clients]


def _batches(windows: list[Window]) -> str:
    """How often batches of which size ran: the upper bounds of the histogram's buckets."""
    runs = sum((Counter(each.batches) for each in windows), Counter[int]())
    return ", ".join(f"{count} of ≤ {size}" for size, count in sorted(runs.items()))


def _stack(title: str, variables: Mapping[str, str]) -> Stack:
    return replace(STACKS[OURS], forms={title: forms.RAW}, variables=variables)


_MAX_BATCH_SIZE = "CLASSIFIER_MAX_BATCH_SIZE"
_STACKS = {
    DEFAULT: _stack(DEFAULT, {}),
    LARGE: _stack(LARGE, {_MAX_BATCH_SIZE: str(MAX_BATCH_SIZE)}),
    SINGLY: _stack(SINGLY, {_MAX_BATCH_SIZE: "1"}),
}


def main() -> None:
    """The command."""
    given = _parser().parse_args()
    plan = Plan(
        stacks=list(_STACKS.values()),
        clients=(*LIGHT, HEAVY),
        seconds=given.seconds,
        rounds=given.rounds,
        photographs=images(given.photographs),
        note=note,
        batch_sizes=_LIMIT_BATCH_SIZES,
    )
    results = run(plan, [SUBLINEAR])
    results.save(given.output)
    print(report(results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batching", description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of one window")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--photographs", type=Path, help="a folder of JPEG files")
    parser.add_argument("--output", type=Path, default=FOLDER / "batching.json")
    return parser


if __name__ == "__main__":
    main()
