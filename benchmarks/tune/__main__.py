"""Finds the best settings for this machine: ``python -m benchmarks.tune``.

Prints a table, draws a chart and, where something beats the defaults, writes a settings file
that ``make serve`` reads; see benchmarks/README.md.
"""

import argparse
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

from batch.files import writable
from benchmarks import photographs
from benchmarks.measurement.measure import end_with_orphans
from benchmarks.measurement.models import FOLDER, Model
from benchmarks.stacks.launch import StackError
from benchmarks.tune import report
from benchmarks.tune.candidates import stages, told, write
from benchmarks.tune.search import Options, Search, search
from benchmarks.tune.variants import variants
from errors import StartupError
from harness.servers import PROJECT
from inference.hardware.cpus import usable_cpus
from load_generator.wrk import LoadError
from model_spec import MODEL_NAME
from serving.workers.model_store import stored_model
from settings import Settings, load_settings

TUNED = PROJECT / "tuned.env"

CLIENTS = (1, 16, 64)
SECONDS = 2
CONFIRMATIONS = 3

_QUICK_CLIENTS = (16,)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    given = _parser().parse_args(arguments)
    end_with_orphans()
    try:
        settings = load_settings()
        stored = stored_model(given.model or settings.model or f"{MODEL_NAME}:latest")
        model = Model(stored.tag.name, str(stored.tag), Path(stored.path).parents[2])
        tried = stages(settings, variants(model))
        tried = [tried[0][:1]] if given.quick else tried
        found = search(_options(given, settings), model, tried)
    except (StartupError, StackError, LoadError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _tell(found, model, given)
    return 0


def _tell(found: Search, model: Model, given: argparse.Namespace) -> None:
    measured, choice = [found.default, *found.candidates], found.choice
    print(report.table(measured, choice))
    for values in found.refuted:
        print(f"seemed best, but its confirmation did not show it: {told(values)}")
    print(report.verdict(choice, found.default, given.p99_ms))
    report.draw(measured, choice, given.p99_ms, given.chart)
    if choice.worth_it:
        today = datetime.datetime.now(datetime.UTC).date()
        where = f"measured with {model.tag} on {usable_cpus()} processors, {today}"
        write(given.output, choice.best.values, where, model.tag)
        print(f"written to {given.output}, which make serve reads; delete it for the defaults")
    elif given.output.exists():
        print(f"{given.output} is left as it is; delete it for the defaults")


def _options(given: argparse.Namespace, settings: Settings) -> Options:
    return Options(
        p99_ms=given.p99_ms,
        clients=_QUICK_CLIENTS if given.quick else CLIENTS,
        seconds=1 if given.quick else given.seconds,
        confirmations=1 if given.quick else CONFIRMATIONS,
        device=settings.device,
        photographs=photographs.given_or_made(given.photographs),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tune", description=__doc__)
    add = parser.add_argument
    add("--p99-ms", type=float, default=50.0, help="target, with 16 clients")
    add("--model", help="tag; default: CLASSIFIER_MODEL, else the newest")
    add("--photographs", type=Path, help=photographs.HELP)
    add("--seconds", type=int, default=SECONDS, help="of one window")
    add("--quick", action="store_true", help="one candidate, to see it work")
    add("--output", type=writable, default=TUNED, help="the settings file")
    add("--chart", type=writable, default=FOLDER / "tune.png", help="PNG")
    return parser


if __name__ == "__main__":
    sys.exit(main())
