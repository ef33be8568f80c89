"""The benchmark: ``python -m benchmarks``. Prints Markdown, writes JSON and a chart.

Each stack is started anew in every round and measured beside the bare limit; see
benchmarks/README.md.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from batch.files import writable
from benchmarks import photographs
from benchmarks.measurement.limit import BATCH_SIZES
from benchmarks.measurement.measure import Plan, run
from benchmarks.measurement.models import FOLDER, KNOWN, MODELS, Lowering
from benchmarks.report import chart, tables
from benchmarks.stacks.stacks import DEFAULT, STACKS

CLIENTS = (1, 4, 16, 64, 256)
SECONDS = 4
ROUNDS = 3

_QUICK_CLIENTS = (1, 4)
_QUICK_BATCH_SIZES = (4,)


def main() -> None:
    """The command."""
    given = _parser().parse_args()
    if given.quick:
        given.concurrency, given.seconds, given.rounds = _QUICK_CLIENTS, 1, 1
    plan = Plan(
        stacks=[STACKS[name] for name in given.stacks],
        clients=given.concurrency,
        seconds=given.seconds,
        rounds=given.rounds,
        photographs=photographs.given_or_made(given.photographs),
        batch_sizes=_QUICK_BATCH_SIZES if given.quick else BATCH_SIZES,
        lowering=Lowering(given.calibration, given.allow_marked),
    )
    results = run(plan, given.models)
    results.save(given.output)
    chart.draw(results, given.output.with_suffix(".png"))
    print(tables.summary(results), tables.details(results), sep="\n\n")
    sys.exit(0 if results.windows else "error: nothing could be measured")


def _names(known: Sequence[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        found = text.split(",")
        if unknown := set(found) - set(known):
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(sorted(unknown))} (there are {', '.join(known)})"
            )
        return found

    return names


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--models", type=_names(KNOWN), default=MODELS, help=", ".join(KNOWN))
    add(
        "--stacks",
        type=_names(list(STACKS)),
        default=[stack.name for stack in DEFAULT],
        help=", ".join(STACKS),
    )
    add("--concurrency", type=_numbers, default=CLIENTS, help="1,4,16,64,256")
    add("--seconds", type=int, default=SECONDS, help="of one window")
    add("--rounds", type=int, default=ROUNDS, help="over all stacks")
    add("--photographs", type=Path, help=photographs.HELP)
    add("--calibration", metavar="FOLDER", type=Path, help="photographs that make int8 models")
    add(
        "--allow-marked",
        action="store_true",
        help="also take int8 models that are not shown to be as accurate or faster",
    )
    add(
        "--output", type=writable, default=FOLDER / "results.json", help="JSON; the chart beside it"
    )
    add("--quick", action="store_true", help="one short round, to see it work")
    return parser


if __name__ == "__main__":
    main()
