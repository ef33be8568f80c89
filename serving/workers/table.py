"""The table in which the processes of one service see each other.

Every worker has a row in one small shared file: its process id, the time of its last beat, and the
number of its connections. It beats from its event loop, every quarter of a second, unless its
session is stuck. So the other workers see for ``/health``, and the supervisor sees, which worker
hangs. Each worker writes its own row only: nothing needs a lock.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np
import psutil

BEAT_SECONDS = 0.25
"""From one beat to the next."""

SILENT_SECONDS = 2.0
"""A worker is silent after eight missed beats: more than a busy machine makes it miss."""

_VARIABLE = "IMAGE_CLASSIFIER_WORKERS"

_FILE = "workers.table"

# The time is that of time.monotonic(), one clock for all processes of a machine. A row of zeros
# is of a worker that has not started.
_ROW = np.dtype(
    [("process", np.int64), ("beaten", np.float64), ("open", np.int64), ("failures", np.int64)]
)


class WorkerTable:
    """The shared file. Workers are numbered from 1."""

    def __init__(self, path: Path) -> None:
        rows = np.asarray(np.memmap(path, _ROW, "r+"))
        self._process, self._beaten, self._open, self._failures = (
            rows[name] for name in ("process", "beaten", "open", "failures")
        )

    @classmethod
    def create(cls, workers: int, folder: Path) -> Self:
        """Make the file in a folder, for workers that this process starts."""
        path = folder / _FILE
        path.write_bytes(bytes(workers * _ROW.itemsize))
        os.environ[_VARIABLE] = str(path)
        return cls(path)

    @classmethod
    def inherited(cls, worker: int) -> Self | None:
        """The file of the process that started this one; None without one, or a row in it."""
        name = os.environ.get(_VARIABLE)
        table = cls(Path(name)) if name else None
        return table if table and worker <= table.workers else None

    @property
    def workers(self) -> int:
        """How many rows there are."""
        return len(self._process)

    def begin(self, worker: int, *, has_failed: bool = False) -> None:
        """Begin a worker's row: this process has no connections, and beats from now on.

        One that has failed to load the model beats once. Those in a row are counted.
        """
        self._failures[worker - 1] = self._failures[worker - 1] + 1 if has_failed else 0
        self._open[worker - 1] = 0
        self._process[worker - 1] = os.getpid()
        self.beat(worker)

    def beat(self, worker: int) -> None:
        """Note that a worker is well."""
        self._beaten[worker - 1] = time.monotonic()

    def count(self, worker: int, change: int) -> None:
        """Note that a worker has opened or closed connections."""
        self._open[worker - 1] += change

    def surplus(self, worker: int) -> int:
        """How many connections a worker has more than the one with the fewest.

        Only workers that have beaten lately count.
        """
        is_well = (self._process != 0) & (time.monotonic() - self._beaten < SILENT_SECONDS)
        others: list[int] = self._open[is_well].tolist()
        own = int(self._open[worker - 1])
        return own - min(others, default=own)

    def processes(self) -> list[int]:
        """Process ids of all workers that have ever begun, dead ones included."""
        return [process for process in self._process.tolist() if process]

    def silent(self, seconds: float = SILENT_SECONDS) -> list[int]:
        """Process ids of living workers that have not beaten for some seconds.

        A dead worker is not silent: it is replaced, and the others serve meanwhile. Nor is one that
        has failed to load the model: it takes no connections.
        """
        return [
            process
            for process, age, failures in self._rows()
            if age > seconds and not failures and lives(process)
        ]

    def failed(self) -> list[tuple[int, float, int]]:
        """Living workers that have failed to load the model.

        Returns:
            Process ids, seconds since then, and how many have failed in a row in that place.
        """
        return [row for row in self._rows() if row[2] and lives(row[0])]

    def _rows(self) -> list[tuple[int, float, int]]:
        """Process ids, seconds since the last beat, and failures of workers that have begun."""
        columns = (self._process, time.monotonic() - self._beaten, self._failures)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [row for row in rows if row[0]]


def shared_folder() -> Path | None:
    """The folder of the table, which all workers of this service see; None without one."""
    name = os.environ.get(_VARIABLE)
    return Path(name).parent if name else None


def lives(process: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def beat_while(is_well: Callable[[], bool], table: WorkerTable, worker: int) -> None:
    """Beat until cancelled. A worker that is not well misses its beats."""
    while True:
        if is_well():
            table.beat(worker)
        await asyncio.sleep(BEAT_SECONDS)
