"""What a benchmark measured, as its JSON file has it; everything shown is computed from it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LimitWindow(_Frozen):
    """The bare limit, measured for some seconds."""

    batch_size: int  # images in one ``session.run``
    images_per_second: float  # of all processes together
    cpu_ms: float  # processor time of one image


class Window(_Frozen):
    """A stack under load for some seconds."""

    model: str
    stack: str  # its title, request form included
    round: int  # from 1
    clients: int  # connections that each send one request after the other
    ready_seconds: float  # from the start of the stack to its first right answer
    seconds: float  # length of the window
    requests: int  # answered with a status below 400
    failures: int  # error statuses, broken connections and timeouts
    p50_ms: float  # median latency
    p99_ms: float  # 99th percentile of the latency
    cpu_seconds: float  # processor time of all the stack's processes
    generator_cpu_seconds: float  # of the load generator
    other_cpu_seconds: float  # of everything else on the machine
    pss_bytes: int  # memory at the end, pages that processes share counted once
    rss_bytes: int  # sum of the processes' own peaks, shared pages counted in each
    limit: LimitWindow  # of the model in fp32, measured just before
    own_limit: LimitWindow | None = None  # of the model that the stack serves, if another

    @property
    def images_per_second(self) -> float:
        """Requests answered well; each has one image."""
        return self.requests / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Processor time of one request answered well; infinite if there is none."""
        return self._each(self.cpu_seconds)

    @property
    def generator_cpu_ms(self) -> float:
        """Processor time that the load generator took for one of them."""
        return self._each(self.generator_cpu_seconds)

    @property
    def speed(self) -> float:
        """Images per second ÷ the limit's."""
        return self.images_per_second / self.limit.images_per_second

    @property
    def cost(self) -> float:
        """Processor time of one image ÷ the limit's."""
        return self.cpu_ms / self.limit.cpu_ms

    @property
    def own_cost(self) -> float:
        """The same ÷ the limit's of the model that the stack serves."""
        return self.cpu_ms / (self.own_limit or self.limit).cpu_ms

    def _each(self, seconds: float) -> float:
        return 1000 * seconds / self.requests if self.requests else float("inf")


class Absence(_Frozen):
    """A stack that could not be measured, and why."""

    model: str
    stack: str
    reason: str


class Machine(_Frozen):
    """Where it ran."""

    processor: str
    cpus: int  # usable ones
    memory_gb: float  # installed
    system: str  # operating system and kernel
    python: str


class Results(_Frozen):
    """One run."""

    date: str  # UTC, ISO 8601
    machine: Machine
    photographs: str  # how many, and their mean size
    seconds: float  # of one window
    versions: dict[str, dict[str, str]]  # of the packages of each stack, in the order of the tables
    windows: tuple[Window, ...] = ()
    absences: tuple[Absence, ...] = ()

    @property
    def models(self) -> list[str]:
        """Names of the measured and the absent, in the order of the run."""
        measured = [each.model for each in self.windows]
        return list(dict.fromkeys(measured + [each.model for each in self.absences]))

    def with_models_of(self, other: Self) -> Self:
        """Together with another run; a ValueError unless it has other models and this machine."""
        both = {each.model for each in self.windows} & {each.model for each in other.windows}
        if self.machine != other.machine or both:
            raise ValueError(f"not the same machine, or models of both runs: {sorted(both)}")
        return self.model_copy(
            update={
                "seconds": min(self.seconds, other.seconds),
                "versions": {**self.versions, **other.versions},
                "windows": self.windows + other.windows,
                "absences": self.absences + other.absences,
            }
        )

    def in_order(self, titles: Sequence[str]) -> Self:
        """With its stacks in the order of these titles; the others come last."""
        places = {title: place for place, title in enumerate(titles)}
        stacks = sorted(self.versions, key=lambda title: places.get(title, len(places)))
        return self.model_copy(update={"versions": {each: self.versions[each] for each in stacks}})

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read the JSON file."""
        return cls.model_validate_json(file.read_bytes())

    def save(self, file: Path) -> None:
        """Write the JSON file, a record in each line."""
        lines = self.model_dump_json().replace('{"model":', '\n{"model":')
        file.write_text(lines + "\n", encoding="utf-8")
