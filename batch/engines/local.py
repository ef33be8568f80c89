"""The engine of one machine: a process for each processor or GPU.

A process that dies or hangs loses its part. The process that replaces it gets that part again and
decodes each image in an isolated process, where the kernel limits time and memory.
"""

import contextlib
import multiprocessing
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from batch.classification.parts import Job, Part
from batch.engines.plan import plan
from batch.engines.worker import Message, serve
from batch.errors import BatchError
from inference.hardware.cpus import usable_cpus
from inference.hardware.gpu import count_gpus
from interrupts import interrupting_only_this_process
from serving.workers.sizing import wants_gpu
from settings import Settings

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

HANG_SECONDS = 300.0
"""Without a finished batch, until a process counts as hanging: no model or disk is so slow."""

_ATTEMPTS = 3  # for one part, and for the start of a process
_LOOK_SECONDS = 1.0
_END_SECONDS = 5.0

_CONTEXT = multiprocessing.get_context("spawn")


@dataclass
class _Task:
    part: Part
    attempts: int = 0


class _Worker:
    """A process and its task."""

    connection: Connection  # to the process
    task: _Task | None  # that it was given
    is_idle: bool  # whether there was nothing left to give it
    _process: "BaseProcess"

    def __init__(self, job: Job) -> None:
        self._job = job
        self._progress = _CONTEXT.RawValue("d", 0.0)
        self.starts = 0  # of processes, since the last one that was ready
        self.start()

    def start(self) -> None:
        """Start the process; its first message says that it is ready."""
        self.task, self.is_idle = None, False
        self.starts += 1
        self.connection, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=serve, args=(theirs, self._job, self._progress), daemon=True
        )
        with interrupting_only_this_process():
            self._process.start()
        theirs.close()

    def give(self, task: _Task) -> None:
        self.task = task
        task.attempts += 1
        self._progress.value = time.monotonic()
        with contextlib.suppress(OSError):  # if it has ended, the next read from it says so
            self.connection.send((task.part, task.attempts > 1))

    def hangs(self) -> bool:
        """Whether its part has not gone on for too long."""
        return self.task is not None and time.monotonic() - self._progress.value > HANG_SECONDS

    def end(self, seconds: float) -> int | None:
        """End the process; returns its exit status if it ended by itself within ``seconds``."""
        self.connection.close()
        self._process.join(seconds)
        status = self._process.exitcode
        self._process.kill()
        self._process.join(_END_SECONDS)
        return status


class LocalEngine:
    """Classifies with the processors or GPUs of this machine."""

    def __init__(self, settings: Settings) -> None:
        gpus = count_gpus() if wants_gpu(settings) else 0
        self.arrangements = plan(settings, usable_cpus(), gpus)

    def results(self, parts: Iterator[Part], job: Job) -> Iterator[tuple[Part, pa.Table]]:
        """Each part with its rows, as soon as they are done."""
        pool = _Pool(deque(replace(job, arrangement=each) for each in self.arrangements), parts)
        try:
            yield from pool.results()
        finally:
            pool.end()

    def close(self) -> None:
        """Nothing is left: the processes end with the results."""


class _Pool:
    """Gives parts to workers until none is left; a worker starts when there is a part for it."""

    def __init__(self, jobs: deque[Job], parts: Iterator[Part]) -> None:
        self._jobs, self._parts = jobs, parts
        self._workers: list[_Worker] = []
        self._waiting = deque[_Task]()

    def results(self) -> Iterator[tuple[Part, pa.Table]]:
        while self._jobs or not all(worker.is_idle for worker in self._workers):
            self._start_one()
            connected: dict[Any, _Worker] = {each.connection: each for each in self._workers}
            for connection in wait(list(connected), 0 if self._jobs else _LOOK_SECONDS):
                yield from self._receive(connected[connection])
            for worker in self._workers:
                if worker.hangs():
                    self._replace(worker)

    def end(self) -> None:
        for worker in self._workers:
            worker.end(_END_SECONDS if worker.is_idle else 0)

    def _start_one(self) -> None:
        if not self._jobs:
            return
        part = next(self._parts, None)
        if part is None:
            self._jobs.clear()
        else:
            self._waiting.append(_Task(part))
            self._workers.append(_Worker(self._jobs.popleft()))

    def _receive(self, worker: _Worker) -> Iterator[tuple[Part, pa.Table]]:
        try:
            message: Message = worker.connection.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if isinstance(message, BatchError):
            raise message
        worker.starts = 0
        done = worker.task
        self._go_on(worker)
        if done is not None and message is not None:
            yield done.part, message

    def _go_on(self, worker: _Worker) -> None:
        """Give a worker its next part, if there is one. Called before its last rows are saved."""
        worker.task = None
        if not self._waiting and (part := next(self._parts, None)):
            self._waiting.append(_Task(part))
        if self._waiting:
            worker.give(self._waiting.popleft())
        else:
            worker.is_idle = True

    def _replace(self, worker: _Worker) -> None:
        hung, task = worker.hangs(), worker.task
        # A process may close its connection a moment before it ends.
        status = worker.end(0 if hung else _END_SECONDS)
        attempts = worker.starts if task is None else task.attempts
        if attempts == _ATTEMPTS:
            what = "hung" if hung else f"ended with exit status {status}"
            where = f"with {task.part.entries[0]} and what follows" if task else "at its start"
            raise BatchError(f"a process {what} three times {where}")
        if task is not None:
            self._waiting.append(task)
        worker.start()
