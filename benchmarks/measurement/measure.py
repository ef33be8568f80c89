"""Rounds over all stacks, each beside the limit, for one model after the other."""

import contextlib
import datetime
import platform
import random
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean

import psutil

from benchmarks.measurement.core import Core
from benchmarks.measurement.limit import Limit
from benchmarks.measurement.models import Lowering, Model, RefusedError, obtain, obtain_lower
from benchmarks.measurement.processes import adopt_orphans
from benchmarks.report.results import Absence, LimitWindow, Machine, Results, Window
from benchmarks.stacks.forms import Form
from benchmarks.stacks.launch import Running, StackError, launched
from benchmarks.stacks.stacks import Stack
from errors import StartupError
from inference.hardware.cpus import usable_cpus
from load_generator import wrk
from model_spec import Precision
from settings import Device

_CHECKED_IMAGES = 8
_WARM_UP_SECONDS = 1
_WARM_UP_CLIENTS = 16
_GIGABYTE = 10**9

# Of a window's seconds, just before it: the machine's speed drifts within minutes.
_LIMIT_SHARE = 0.5


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    stacks: Sequence[Stack]  # in the order of the tables
    clients: Sequence[int]  # how many at once, one window for each
    seconds: int  # of one window
    rounds: int  # over all stacks
    photographs: Sequence[bytes]  # encoded
    batch_sizes: Sequence[int]  # of which the limit takes the fastest
    lowering: Lowering = field(default_factory=Lowering)  # how models of lower precision are made


def run(plan: Plan, models: Sequence[str]) -> Results:
    """Measure; whatever ends it, nothing that was started stays."""
    end_with_orphans()
    records = [each for name in models for each in measure(plan, obtain(name))]
    kilobytes = mean(map(len, plan.photographs)) / 1000
    return Results(
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        machine=_machine(),
        photographs=f"{len(plan.photographs)} photographs of {kilobytes:.0f} KB",
        seconds=plan.seconds,
        versions={title: stack.versions() for stack in plan.stacks for title in stack.forms},
        windows=tuple(each for each in records if isinstance(each, Window)),
        absences=tuple(each for each in records if isinstance(each, Absence)),
    )


@dataclass(frozen=True)
class Served:
    """A stack and what it serves."""

    stack: Stack
    model: Model  # in the stack's precision
    answers: Mapping[bytes, int]  # the right class of some images
    own_limit: Limit | None = None  # of that model; None where it is the one in fp32


def measure(plan: Plan, model: Model) -> Iterator[Window | Absence]:
    """Measure every stack in every round, each round in another order."""
    dice = random.Random(model.name)  # noqa: S311
    with contextlib.ExitStack() as limits:
        served = list[Served]()
        for stack in plan.stacks:
            try:
                served.append(_served(plan, model, stack, limits))
            except (RefusedError, StartupError) as error:
                yield from _absent(model, stack, error)
        limit = limits.enter_context(Limit(model.folder, plan.photographs, plan.batch_sizes))
        for trial in limit.trials:
            note(f"{model.name}: limit in batches of {trial.batch_size}: {_told(trial)}")
        for number in range(1, plan.rounds + 1):
            for each in dice.sample(served, len(served)):
                yield from _Turn(plan, each, number, limit).run()


def _served(plan: Plan, model: Model, stack: Stack, limits: contextlib.ExitStack) -> Served:
    """What a stack serves; a RefusedError or StartupError if it cannot be compared."""
    if other := stack.other_work():
        raise RefusedError(f"it would decode or compute otherwise: {other}; make bench-peers again")
    if stack.precision is Precision.FP32:
        return Served(stack, model, right_answers(model, plan.photographs))
    lower = obtain_lower(model, stack.precision, stack.device, plan.lowering)
    answers = right_answers(lower, plan.photographs, stack.device)
    limit = Limit(lower.folder, plan.photographs, plan.batch_sizes, stack.device)
    return Served(stack, lower, answers, limits.enter_context(limit))


def _absent(model: Model, stack: Stack, error: Exception) -> Iterator[Absence]:
    note(f"{model.name}, {stack.name}: absent: {error}")
    for title in stack.forms:
        yield Absence(model=model.name, stack=title, reason=str(error))


@dataclass(frozen=True)
class _Turn:
    plan: Plan
    served: Served
    round: int
    limit: Limit

    def run(self) -> Iterator[Window | Absence]:
        """Start, measure each request form with each number of clients, stop."""
        stack, model, answers = self.served.stack, self.served.model, self.served.answers
        try:
            with (
                tempfile.TemporaryDirectory(prefix="benchmark-") as temporary,
                launched(stack, model, Path(temporary), answers) as running,
            ):
                self._note(f"{stack.name}: ready after {running.ready_seconds:.1f} s")
                for title, form in stack.forms.items():
                    requests = Path(temporary) / "requests" / title
                    wrk.prepare(requests, form.headers, [*map(form.body, self.plan.photographs)])
                    warm_up(running.url + form.path, requests)
                    for clients in self.plan.clients:
                        yield self._window(title, running, form, requests, clients)
        except (StackError, wrk.LoadError) as error:
            yield from _absent(model, stack, error)

    def _window(
        self, title: str, running: Running, form: Form, requests: Path, clients: int
    ) -> Window:
        running.tree.settle()
        seconds, own = self.plan.seconds * _LIMIT_SHARE, self.served.own_limit
        limit = self.limit.measure(seconds)
        own_limit = own.measure(seconds) if own else None
        machine, before = _machine_cpu_seconds(), running.tree.cpu_seconds()
        url = running.url + form.path
        seen = wrk.send(url, requests, clients=clients, seconds=self.plan.seconds)
        cpu_seconds = running.tree.cpu_seconds() - before
        others = _machine_cpu_seconds() - machine - cpu_seconds - seen.cpu_seconds
        memory = running.tree.memory()
        window = Window(
            model=self.served.model.name,
            stack=title,
            round=self.round,
            clients=clients,
            ready_seconds=running.ready_seconds,
            cpu_seconds=cpu_seconds,
            generator_cpu_seconds=seen.cpu_seconds,
            other_cpu_seconds=max(0.0, others),
            pss_bytes=memory.pss,
            rss_bytes=memory.rss,
            limit=limit,
            own_limit=own_limit,
            **{name: value for name, value in asdict(seen).items() if name != "cpu_seconds"},
        )
        self._note(
            f"{title}, {clients} clients: {window.images_per_second:.1f}/s ({window.speed:.2f}), "
            f"p50 {window.p50_ms:.1f} ms, p99 {window.p99_ms:.1f} ms, "
            f"{window.cpu_ms:.2f} ms CPU ({window.cost:.2f}), {window.failures} failed; "
            f"limit {_told(limit)}"
        )
        return window

    def _note(self, text: str) -> None:
        note(f"{self.served.model.name}, round {self.round}, {text}")


def note(text: str) -> None:
    """Tell what is done now."""
    print(text, file=sys.stderr, flush=True)


def end_with_orphans() -> None:
    """Adopt what this process' children leave behind; SIGTERM ends all of them, too."""
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))


def right_answers(
    model: Model, photographs: Sequence[bytes], device: Device = Device.CPU
) -> dict[bytes, int]:
    """The classes that the bare core gives some of the photographs."""
    images = photographs[:_CHECKED_IMAGES]
    answers = Core(model.folder, device).classify(images)
    return {image: answer["class_id"] for image, answer in zip(images, answers, strict=True)}


def warm_up(url: str, requests: Path) -> None:
    """Send prepared requests for a second."""
    wrk.send(url, requests, clients=_WARM_UP_CLIENTS, seconds=_WARM_UP_SECONDS)


def _told(limit: LimitWindow) -> str:
    return f"{limit.images_per_second:.1f}/s, {limit.cpu_ms:.2f} ms CPU"


def _machine() -> Machine:
    about = Path("/proc/cpuinfo").read_text().splitlines()
    models = (line.partition(":")[2].strip() for line in about if line.startswith("model name"))
    return Machine(
        processor=next(models, platform.machine()),
        cpus=usable_cpus(),
        memory_gb=psutil.virtual_memory().total / _GIGABYTE,
        system=f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        python=platform.python_version(),
    )


def _machine_cpu_seconds() -> float:
    """Processor time that anything on the machine used, or that its host took, since it started."""
    times = psutil.cpu_times()
    return float(sum(times[:3]) + times.irq + times.softirq + times.steal)
