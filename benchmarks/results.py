"""What a benchmark measured, as its JSON file has it; everything shown is computed from it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict
from typing_extensions import Self


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LimitWindow(_Frozen):
    """The bare limit, measured for some seconds.

    Attributes:
        batch_size: images in one ``session.run``.
        images_per_second: of all processes together.
        cpu_ms: processor time of one image.
    """

    batch_size: int
    images_per_second: float
    cpu_ms: float


class Window(_Frozen):
    """A stack under load for some seconds.

    Attributes:
        model: its name.
        stack: its title, request form included.
        round: from 1.
        clients: connections that each send a request after the other.
        seconds: how long.
        requests: that were answered well.
        failures: answers that were errors, broken connections and timeouts.
        p50_ms: median latency.
        p99_ms: latency that one of a hundred requests exceeds.
        cpu_seconds: processor time of all the stack's processes.
        generator_cpu_seconds: of the load generator.
        other_cpu_seconds: of everything else on the machine.
        pss_bytes: memory of the stack at the end, pages that processes share counted once.
        rss_bytes: sum of the processes' own peaks, shared pages counted in each.
        limit: measured beside it.
        batches: how many ``session.run`` had at most so many images, and more than the next
            smaller number; empty where a stack does not tell.
    """

    model: str
    stack: str
    round: int
    clients: int
    seconds: float
    requests: int
    failures: int
    p50_ms: float
    p99_ms: float
    cpu_seconds: float
    generator_cpu_seconds: float
    other_cpu_seconds: float
    pss_bytes: int
    rss_bytes: int
    limit: LimitWindow
    batches: dict[int, int] = {}

    @property
    def requests_per_second(self) -> float:
        """Answered well."""
        return self.requests / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Processor time per request that was answered well; infinite if none was."""
        return 1000 * self.cpu_seconds / self.requests if self.requests else float("inf")

    @property
    def speed(self) -> float:
        """Requests per second ÷ the limit's images per second."""
        return self.requests_per_second / self.limit.images_per_second

    @property
    def cost(self) -> float:
        """Processor time per request ÷ the limit's per image."""
        return self.cpu_ms / self.limit.cpu_ms


class Start(_Frozen):
    """Seconds from starting a stack to its first right answer."""

    model: str
    stack: str
    round: int
    seconds: float


class Absence(_Frozen):
    """A stack that could not be measured, and why."""

    model: str
    stack: str
    round: int
    reason: str


class Machine(_Frozen):
    """Where it ran.

    Attributes:
        processor: its name.
        cpus: that may be used.
        memory_gb: installed.
        system: operating system and kernel.
        python: version.
    """

    processor: str
    cpus: int
    memory_gb: float
    system: str
    python: str


class Results(_Frozen):
    """One run.

    Attributes:
        date: UTC, ISO 8601.
        machine: where.
        photographs: how many, and their mean size.
        seconds: of one window.
        versions: of the packages of each stack.
    """

    date: str
    machine: Machine
    photographs: str
    seconds: float
    versions: dict[str, dict[str, str]]
    windows: tuple[Window, ...] = ()
    starts: tuple[Start, ...] = ()
    absences: tuple[Absence, ...] = ()

    def with_models_of(self, other: Self) -> Self:
        """Together with another run of the same machine, of other models.

        Raises:
            ValueError: of another machine, or of a model that this run has.
        """
        both = {each.model for each in self.windows} & {each.model for each in other.windows}
        if self.machine != other.machine or both:
            raise ValueError(f"not the same machine, or models of both runs: {sorted(both)}")
        return self.model_copy(
            update={
                "seconds": min(self.seconds, other.seconds),
                "versions": {**self.versions, **other.versions},
                "windows": self.windows + other.windows,
                "starts": self.starts + other.starts,
                "absences": self.absences + other.absences,
            }
        )

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read the JSON file."""
        return cls.model_validate_json(file.read_bytes())

    def save(self, file: Path) -> None:
        """Write the JSON file."""
        file.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
