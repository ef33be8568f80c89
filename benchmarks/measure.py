"""The run: rounds over all stacks, each beside the limit, for one model after the other."""

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import batches, load
from benchmarks.core import Core
from benchmarks.launch import Running, StackError, launched
from benchmarks.limit import BATCH_SIZES, Limit
from benchmarks.models import Model
from benchmarks.processes import machine_cpu_seconds
from benchmarks.results import Absence, LimitWindow, Start, Window
from benchmarks.stacks import Stack

_CHECKED_IMAGES = 8
WARM_UP_SECONDS = 1
WARM_UP_CLIENTS = 16

# Of a window's seconds, just before it: the machine's speed drifts within minutes.
_LIMIT_SHARE = 0.5

Record = Start | Window | Absence


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        stacks: in the order of the tables.
        clients: how many at once, one window for each.
        seconds: of one window.
        rounds: over all stacks.
        photographs: encoded.
        note: told what is done now.
        batch_sizes: of which the limit takes the fastest.
    """

    stacks: Sequence[Stack]
    clients: Sequence[int]
    seconds: int
    rounds: int
    photographs: Sequence[bytes]
    note: Callable[[str], None]
    batch_sizes: Sequence[int] = BATCH_SIZES


def measure(plan: Plan, model: Model) -> Iterator[Record]:
    """Measure every stack in every round, each round in another order."""
    dice = random.Random(model.name)  # noqa: S311
    answers = right_answers(model, plan.photographs)
    with Limit(model.folder, plan.photographs, batch_sizes=plan.batch_sizes) as limit:
        for trial in limit.trials:
            plan.note(f"{model.name}: limit in batches of {trial.batch_size}: {_told(trial)}")
        for number in range(1, plan.rounds + 1):
            for stack in dice.sample(plan.stacks, len(plan.stacks)):
                yield from _Turn(plan, model, stack, number, limit).run(answers)


@dataclass(frozen=True)
class _Turn:
    """A stack in a round."""

    plan: Plan
    model: Model
    stack: Stack
    round: int
    limit: Limit

    def run(self, answers: Mapping[bytes, int]) -> Iterator[Record]:
        """Start, measure each request form with each number of clients, stop."""
        try:
            with (
                tempfile.TemporaryDirectory(prefix="benchmark-") as temporary,
                launched(self.stack, self.model, Path(temporary), answers) as running,
            ):
                for title, form in self.stack.forms.items():
                    requests = Path(temporary) / "requests" / title
                    load.prepare(requests, form.headers, [*map(form.body, self.plan.photographs)])
                    yield self._start(title, running.ready_seconds)
                    yield from self._windows(title, running, running.url + form.path, requests)
        except (StackError, load.LoadError) as error:
            for title in self.stack.forms:
                self._note(title, f"absent: {error}")
                yield Absence(
                    model=self.model.name, stack=title, round=self.round, reason=str(error)
                )

    def _start(self, title: str, seconds: float) -> Start:
        self._note(title, f"ready after {seconds:.1f} s")
        return Start(model=self.model.name, stack=title, round=self.round, seconds=seconds)

    def _windows(self, title: str, running: Running, url: str, requests: Path) -> Iterator[Window]:
        load.send(url, requests, clients=WARM_UP_CLIENTS, seconds=WARM_UP_SECONDS)
        for clients in self.plan.clients:
            window = self._window(title, running, url, requests, clients)
            self._note(
                title,
                f"{clients} clients: {window.requests_per_second:.1f}/s ({window.speed:.2f}), "
                f"p50 {window.p50_ms:.1f} ms, p99 {window.p99_ms:.1f} ms, "
                f"{window.cpu_ms:.2f} ms CPU ({window.cost:.2f}), {window.failures} failed; "
                f"limit {_told(window.limit)}",
            )
            yield window

    def _window(
        self, title: str, running: Running, url: str, requests: Path, clients: int
    ) -> Window:
        running.tree.settle()
        limit = self.limit.measure(self.plan.seconds * _LIMIT_SHARE)
        runs = self._runs(running)
        machine, own = machine_cpu_seconds(), running.tree.cpu_seconds()
        seen = load.send(url, requests, clients=clients, seconds=self.plan.seconds)
        cpu_seconds = running.tree.cpu_seconds() - own
        others = machine_cpu_seconds() - machine - cpu_seconds - seen.cpu_seconds
        memory = running.tree.memory()
        return Window(
            model=self.model.name,
            stack=title,
            round=self.round,
            clients=clients,
            seconds=seen.seconds,
            requests=seen.requests,
            failures=seen.failures,
            p50_ms=seen.p50_ms,
            p99_ms=seen.p99_ms,
            cpu_seconds=cpu_seconds,
            generator_cpu_seconds=seen.cpu_seconds,
            other_cpu_seconds=max(0.0, others),
            pss_bytes=memory.pss,
            rss_bytes=memory.rss,
            limit=limit,
            batches=self._runs(running) - runs,
        )

    def _runs(self, running: Running) -> Counter[int]:
        return batches.runs(running.url) if self.stack.tells_batches else Counter()

    def _note(self, title: str, text: str) -> None:
        self.plan.note(f"{self.model.name}, round {self.round}, {title}: {text}")


def right_answers(model: Model, photographs: Sequence[bytes]) -> dict[bytes, int]:
    """The classes that the bare core gives some of the photographs."""
    images = photographs[:_CHECKED_IMAGES]
    answers = Core(model.folder).classify(images)
    return {image: answer["class_id"] for image, answer in zip(images, answers, strict=True)}


def _told(limit: LimitWindow) -> str:
    return f"{limit.images_per_second:.1f}/s, {limit.cpu_ms:.2f} ms CPU"
