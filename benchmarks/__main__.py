"""The benchmark: ``python -m benchmarks``. Prints Markdown, writes JSON and a chart.

Each stack is started anew in every round and measured beside the bare limit; see
benchmarks/README.md.
"""

import argparse
import datetime
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean

from benchmarks import chart, photographs, tables
from benchmarks.machine import machine, versions
from benchmarks.measure import Plan, measure
from benchmarks.models import KNOWN, MODELS, RESULTS, obtain
from benchmarks.processes import adopt_orphans
from benchmarks.results import Absence, Results, Start, Window
from benchmarks.stacks import STACKS

CLIENTS = (1, 4, 16, 64, 256)
SECONDS = 4
ROUNDS = 3

_QUICK_CLIENTS = (1, 4)


def main() -> None:
    """The command."""
    given = _parser().parse_args()
    if given.quick:
        given.concurrency, given.seconds, given.rounds = _QUICK_CLIENTS, 1, 1
    adopt_orphans()
    # An end from outside stops what was started, like any other.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    results = _run(given)
    results.save(given.output)
    chart.draw(results, given.output.with_suffix(".png"))
    print(tables.summary(results), tables.details(results), sep="\n\n")
    sys.exit(0 if results.windows else "error: nothing could be measured")


def _run(given: argparse.Namespace) -> Results:
    images = photographs.read(given.photographs) if given.photographs else photographs.make()
    stacks = [STACKS[name] for name in given.stacks]
    plan = Plan(stacks, given.concurrency, given.seconds, given.rounds, images, _note)
    records = [each for name in given.models for each in measure(plan, obtain(name))]
    return Results(
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes"),
        machine=machine(),
        photographs=f"{len(images)} photographs of {mean(map(len, images)) / 1000:.0f} KB",
        seconds=given.seconds,
        versions={title: versions(stack) for stack in stacks for title in stack.forms},
        windows=tuple(each for each in records if isinstance(each, Window)),
        starts=tuple(each for each in records if isinstance(each, Start)),
        absences=tuple(each for each in records if isinstance(each, Absence)),
    )


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _names(known: Sequence[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        """Names, separated by commas."""
        found = text.split(",")
        if unknown := set(found) - set(known):
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(sorted(unknown))} (there are {', '.join(known)})"
            )
        return found

    return names


def _numbers(text: str) -> list[int]:
    """Numbers, separated by commas."""
    return [int(number) for number in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--models", type=_names(KNOWN), default=MODELS, help=", ".join(KNOWN))
    parser.add_argument(
        "--stacks", type=_names(list(STACKS)), default=tuple(STACKS), help=", ".join(STACKS)
    )
    parser.add_argument("--concurrency", type=_numbers, default=CLIENTS, help="1,4,16,64,256")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of one window")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="over all stacks")
    parser.add_argument(
        "--photographs",
        type=Path,
        default=os.environ.get("PHOTOGRAPHS"),
        help="a folder of JPEG files; default: PHOTOGRAPHS, else some made of test_images/",
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="JSON; the chart beside it")
    parser.add_argument("--quick", action="store_true", help="one short round, to see it work")
    return parser


if __name__ == "__main__":
    main()
