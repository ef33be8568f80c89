"""The bare limit: as many processes as processors, each classifying in memory, no HTTP."""

import contextlib
import itertools
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Self

from benchmarks.measurement.core import Core
from benchmarks.report.results import LimitWindow
from inference.hardware.cpus import usable_cpus
from interrupts import interrupting_only_this_process
from settings import Device

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)

_TRIAL_SECONDS = 1.0
_STOP_SECONDS = 10.0

# A size this much slower than the best ends the trials: larger ones do not fit caches, either.
_TOO_SLOW = 0.9


class Limit:
    """Processes that hold a model and wait, without using a processor, to be measured.

    Ascending batch sizes are tried, a second each, until one is clearly slower than the best;
    ``batch_size`` is the fastest of these ``trials``.
    """

    def __init__(
        self,
        folder: Path,
        photographs: Sequence[bytes],
        batch_sizes: Sequence[int],
        device: Device = Device.CPU,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._workers: list[tuple[BaseProcess, Connection]] = []
        for offset in range(usable_cpus()):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, folder, device, list(photographs), offset), daemon=True
            )
            with interrupting_only_this_process():
                process.start()
            self._workers.append((process, ours))
        for _, connection in self._workers:
            connection.recv()
        self.trials = list(self._try(batch_sizes))
        self.batch_size = max(self.trials, key=_speed).batch_size

    def measure(self, seconds: float, batch_size: int | None = None) -> LimitWindow:
        """Let all of them classify for some seconds."""
        size = batch_size or self.batch_size
        for _, connection in self._workers:
            connection.send((seconds, size))
        counts = [connection.recv() for _, connection in self._workers]
        return LimitWindow(
            batch_size=size,
            images_per_second=sum(images / elapsed for images, elapsed, _ in counts),
            cpu_ms=1000 * sum(cpu for *_, cpu in counts) / sum(images for images, *_ in counts),
        )

    def _try(self, batch_sizes: Sequence[int]) -> Iterator[LimitWindow]:
        best = 0.0
        for size in batch_sizes:
            trial = self.measure(_TRIAL_SECONDS, size)
            yield trial
            if _speed(trial) < _TOO_SLOW * best:
                return
            best = max(best, _speed(trial))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for process, connection in self._workers:
            connection.close()
            process.join(_STOP_SECONDS)


def _speed(window: LimitWindow) -> float:
    return window.images_per_second


def _serve(
    connection: Connection, folder: Path, device: Device, photographs: list[bytes], offset: int
) -> None:
    core = Core(folder, device)
    images = itertools.cycle(photographs[offset:] + photographs[:offset])
    core.classify([next(images)])
    with contextlib.suppress(EOFError, ConnectionError):  # the other end is closed
        connection.send("ready")
        while True:
            seconds, size = connection.recv()
            connection.send(_loop(core, images, seconds, size))


def _loop(
    core: Core, images: "itertools.cycle[bytes]", seconds: float, size: int
) -> tuple[int, float, float]:
    """Images classified, seconds it took, seconds of processor time."""
    count, started, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - started < seconds:
        core.classify(list(itertools.islice(images, size)))
        count += size
    return count, time.perf_counter() - started, time.process_time() - cpu
