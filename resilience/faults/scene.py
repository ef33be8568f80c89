"""A server under load in which a fault is made, what is expected, and the row of the table."""

import contextlib
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import httpx
import psutil

from harness.servers import Server, running, toy_home
from load_generator.known_images import Outcome
from resilience.faults.load import Load
from resilience.processes import client_ports, healthy_worker, until, worker_ids, workers

TWO_WORKERS = MappingProxyType({"CLASSIFIER_WORKERS": "2"})

FAILURES = (AssertionError, httpx.TransportError, subprocess.TimeoutExpired)
"""Exceptions of an expectation that failed."""

AFTERWARDS = 2.0
_SHOWN = 3


@dataclass
class Row:
    """What one fault did."""

    counts: Mapping[Outcome, int] = field(default_factory=dict)  # of requests
    recovery: float | None = None  # seconds until all was well again; None if it always was
    problems: list[str] = field(default_factory=list)
    skipped: str | None = None  # why it was not run

    def expect(self, true: bool, what: str) -> None:
        """Note an expectation that failed."""
        if not true:
            self.problems.append(what)

    @property
    def verdict(self) -> str:
        """``ok``, or why not."""
        if self.skipped:
            return f"skipped: {self.skipped}"
        return "FAILED: " + "; ".join(self.problems) if self.problems else "ok"

    def seen(self) -> str:
        """Counts, recovery and verdict, in words."""
        counts = [f"{n} {outcome.value}" for outcome, n in self.counts.items() if n]
        recovered = [] if self.recovery is None else [f"recovered in {self.recovery:.1f} s"]
        verdict = [] if self.verdict == "ok" else [self.verdict]
        return "; ".join([", ".join(counts), *recovered, *verdict]).lstrip("; ")


@dataclass
class Scene:
    """A server under load."""

    server: Server  # with the toy model
    load: Load  # on it
    home: Path  # BentoML's, where the model is
    before: set[int]  # process ids of the workers before the fault
    row: Row = field(default_factory=Row)

    def expect(self, true: bool, what: str) -> None:
        """Note an expectation that failed."""
        self.row.expect(true, what)

    def expect_lost(self, ports: set[int]) -> None:
        """Expect that only requests from these ports were lost."""
        lost = [each for each in self.load.of(Outcome.LOST) if each.port not in ports]
        self.expect(not lost, f"lost for no reason: {[each.detail for each in lost[:_SHOWN]]}")

    def expect_same_workers(self) -> None:
        """Expect that no worker has died."""
        now = worker_ids(self.server)
        self.expect(now == self.before, f"workers {self.before} have become {now}")

    def undisturbed(self) -> None:
        """Let the load go on for a while, and expect that every answer is right."""
        before = len(self.load.exchanges)
        time.sleep(AFTERWARDS)
        bad = [e for e in self.load.exchanges[before:] if e.outcome is not Outcome.RIGHT]
        self.expect(not bad, f"disturbed: {[each.detail for each in bad[:_SHOWN]]}")
        self.expect(len(self.load.exchanges) > before, "no request was answered")

    def replaced(self, victim: psutil.Process, seconds: float) -> float:
        """Wait until a new worker answers; returns the seconds that it took."""
        return until(
            lambda: healthy_worker(self.server) not in self.before | {0},
            seconds,
            f"worker {victim.pid} replaced",
        )

    def close(self) -> None:
        """Count the outcomes of the requests; the load must have ended."""
        wrong = self.load.of(Outcome.WRONG)
        self.expect(not wrong, f"wrong: {[each.detail for each in wrong[:_SHOWN]]}")
        self.expect(bool(self.load.of(Outcome.RIGHT)), "nothing was answered right")
        self.row.counts = {outcome: len(self.load.of(outcome)) for outcome in Outcome}


@contextlib.contextmanager
def under_load(
    folder: Path, settings: Mapping[str, str] = MappingProxyType({}), *, home: Path | None = None
) -> Iterator[Scene]:
    """A server with two workers, each of which has clients.

    An exception of ``FAILURES`` in the block is a failed expectation. The model is the toy unless a
    BentoML home is given.
    """
    home = home or toy_home(folder)
    with running(home, folder, {**TWO_WORKERS, **settings}) as server, Load(server.url) as load:
        _spread(server, load)
        scene = Scene(server, load, home, worker_ids(server))
        try:
            yield scene
        except FAILURES as error:
            scene.expect(False, str(error))
        load.stop()
        scene.close()


def _spread(server: Server, load: Load) -> None:
    """Have the clients reconnect until every worker has some of them."""

    def is_spread() -> bool:
        held = [client_ports(worker) & load.ports for worker in workers(server)]
        if len(held) == int(TWO_WORKERS["CLASSIFIER_WORKERS"]) and all(held):
            return True
        load.reconnect()
        time.sleep(0.2)
        return False

    until(is_spread, 20, "every worker has clients")
