"""The benchmark: ``python -m benchmarks``. Prints Markdown, writes JSON and a chart.

Each stack is started anew in every round and measured beside the bare limit; see
benchmarks/README.md.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import chart, tables
from benchmarks.limit import BATCH_SIZES
from benchmarks.measure import Plan
from benchmarks.models import KNOWN, MODELS, RESULTS
from benchmarks.run import images, note, run
from benchmarks.stacks import STACKS

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
    results = run(_plan(given), given.models)
    results.save(given.output)
    chart.draw(results, given.output.with_suffix(".png"))
    print(tables.summary(results), tables.details(results), sep="\n\n")
    sys.exit(0 if results.windows else "error: nothing could be measured")


def _plan(given: argparse.Namespace) -> Plan:
    return Plan(
        stacks=[STACKS[name] for name in given.stacks],
        clients=given.concurrency,
        seconds=given.seconds,
        rounds=given.rounds,
        photographs=images(given.photographs),
        note=note,
        batch_sizes=_QUICK_BATCH_SIZES if given.quick else BATCH_SIZES,
    )


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
        help="a folder of JPEG files; default: PHOTOGRAPHS, else some made of test_images/",
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="JSON; the chart beside it")
    parser.add_argument("--quick", action="store_true", help="one short round, to see it work")
    return parser


if __name__ == "__main__":
    main()
