"""The search: every candidate beside the defaults, window by window, on this machine."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.measurement.measure import note, right_answers, warm_up
from benchmarks.measurement.models import Model
from benchmarks.stacks.forms import RAW
from benchmarks.stacks.launch import StackError, launched
from benchmarks.stacks.stacks import OURS, STACKS
from benchmarks.tune.candidates import DEVICE, MODEL, Stage, Values, told, upon, variables
from benchmarks.tune.front import Choice, Measured, Pair, choose, confirms, reference, relative
from errors import StartupError
from load_generator import wrk
from settings import PREFIX, Device


@dataclass(frozen=True)
class Options:
    """How it is searched."""

    p99_ms: float
    clients: Sequence[int]  # numbers of clients, one window for each
    seconds: int  # of one window
    confirmations: int  # more rounds of the best one, at least one: without them luck would choose
    device: Device  # on which the defaults run
    photographs: Sequence[bytes]  # encoded


@dataclass
class Search:
    """The defaults, which serve from the first window to the last, and what was found beside."""

    options: Options
    model: Model
    folder: Path
    answers: Mapping[bytes, int]
    default_url: str = ""
    pairs: list[tuple[Values, list[Pair]]] = field(default_factory=list)
    refuted: list[Values] = field(default_factory=list)

    def run(self, stages: Sequence[Stage]) -> None:
        """Try the stages in turn, each upon the best of those before.

        A StackError if the defaults cannot serve, or nothing else can.
        """
        wrk.prepare(self._requests, RAW.headers, self.options.photographs)
        with self._serving({}) as self.default_url:
            base: Values = {}
            for stage in stages:
                for values in upon(base, stage):
                    self._try(values, rounds=1)
                base = self._best()
            if not self.pairs:
                raise StackError("no candidate could be measured")
            self._confirm()

    @property
    def default(self) -> Measured:
        """The defaults."""
        return reference([pair for _, pairs in self.pairs for pair in pairs])

    @property
    def candidates(self) -> list[Measured]:
        """Each once, over all of its windows."""
        default = self.default
        return [relative(values, pairs, default) for values, pairs in self.pairs]

    @property
    def choice(self) -> Choice:
        """What is best so far, without what its confirmation refuted."""
        candidates = [each for each in self.candidates if each.values not in self.refuted]
        return choose(self.default, candidates, self.options.p99_ms)

    def _confirm(self) -> None:
        """Measure again what seems best, until what is best is confirmed or nothing is left."""
        confirmed: list[Values] = []
        while (best := self._best()) and best not in confirmed:
            pairs = self._try(best, rounds=self.options.confirmations)
            if pairs and confirms(best, pairs, self.options.p99_ms):
                confirmed.append(best)
            else:
                note(f"{told(best)}: not confirmed")
                self.refuted.append(best)

    def _best(self) -> Values:
        if not self.pairs:
            return {}
        choice = self.choice
        return choice.best.values if choice.worth_it else {}

    def _try(self, values: Values, rounds: int) -> list[Pair]:
        """Measure; settings that cannot serve are left out, and it is said why."""
        try:
            pairs = self._measured(values, rounds)
        except (StackError, StartupError) as error:
            note(f"{told(values)}: left out: {error}")
            return []
        earlier = next((found for known, found in self.pairs if known == values), None)
        if earlier is None:
            self.pairs.append((values, pairs))
        else:
            earlier += pairs
        found = next(each for each in self.candidates if each.values == values)
        note(
            f"{told(values)}: {found.images_per_second / self.default.images_per_second:.2f} × "
            f"the defaults' images/s, {found.p99_ms / self.default.p99_ms:.2f} × their p99"
        )
        return pairs

    def _measured(self, values: Values, rounds: int) -> list[Pair]:
        """Windows of the defaults and of a candidate, in turn."""
        with self._serving(values) as url:
            return [
                Pair(clients, self._send(self.default_url, clients), self._send(url, clients))
                for _ in range(rounds)
                for clients in self.options.clients
            ]

    def _send(self, url: str, clients: int) -> wrk.Load:
        return wrk.send(url, self._requests, clients=clients, seconds=self.options.seconds)

    @property
    def _requests(self) -> Path:
        return self.folder / "requests"

    def _answers(self, values: Values) -> Mapping[bytes, int]:
        """The right classes: those of the model that serves, since a variant may differ."""
        if MODEL not in values:
            return self.answers
        device = Device(values.get(DEVICE, self.options.device.value))
        model = replace(self.model, tag=values[MODEL])
        return right_answers(model, self.options.photographs, device)

    @contextlib.contextmanager
    def _serving(self, values: Values) -> Iterator[str]:
        device = {f"{PREFIX}DEVICE": self.options.device.value}
        stack = replace(STACKS[OURS], variables={**device, **variables(values)})
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        with launched(stack, self.model, folder, self._answers(values)) as running:
            url = running.url + RAW.path
            warm_up(url, self._requests)
            yield url


def search(options: Options, model: Model, stages: Sequence[Stage]) -> Search:
    """Search until the end."""
    with tempfile.TemporaryDirectory(prefix="tune-") as temporary:
        answers = right_answers(model, options.photographs)
        found = Search(options, model, Path(temporary), answers)
        found.run(stages)
    return found
