"""A run: every model in turn, and what it all ran on."""

import datetime
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from benchmarks import photographs
from benchmarks.machine import machine, versions
from benchmarks.measure import Plan, measure
from benchmarks.models import obtain
from benchmarks.processes import adopt_orphans
from benchmarks.results import Absence, Results, Start, Window

PHOTOGRAPHS = "PHOTOGRAPHS"


def images(folder: Path | None) -> list[bytes]:
    """A folder's photographs, else those of the folder that the environment names, else made."""
    given = folder or os.environ.get(PHOTOGRAPHS)
    return photographs.read(Path(given)) if given else photographs.make()


def note(text: str) -> None:
    """Tell what is done now."""
    print(text, file=sys.stderr, flush=True)


def run(plan: Plan, models: Sequence[str]) -> Results:
    """Measure; whatever ends it, nothing that was started stays."""
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    records = [each for name in models for each in measure(plan, obtain(name))]
    kilobytes = mean(map(len, plan.photographs)) / 1000
    return Results(
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes"),
        machine=machine(),
        photographs=f"{len(plan.photographs)} photographs of {kilobytes:.0f} KB",
        seconds=plan.seconds,
        versions={title: versions(stack) for stack in plan.stacks for title in stack.forms},
        windows=tuple(each for each in records if isinstance(each, Window)),
        starts=tuple(each for each in records if isinstance(each, Start)),
        absences=tuple(each for each in records if isinstance(each, Absence)),
    )
