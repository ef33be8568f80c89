"""Heartbeats: how the processes of one service know of each other.

Every worker writes the time into its own place of one small shared file, again and again,
from its event loop and only while its session is not stuck. Whoever reads the file sees
who has fallen silent: the other workers, for their health, and the guard in the supervisor.
"""

import asyncio
import mmap
import os
import struct
import time
from collections.abc import Callable, Iterator

import psutil
from typing_extensions import Self

from serving import shared_file

BEAT_SECONDS = 0.25
"""Between two beats."""

SILENT_SECONDS = 2.0
"""After eight beats left out, which a busy machine does not do to a living process."""

_VARIABLE = "IMAGE_CLASSIFIER_HEARTBEATS"

# A worker's place: its process id, and the time of its last beat on time.monotonic(), which
# is one clock for all processes of a machine. Zeros: nobody is to be expected there.
_PLACE = struct.Struct("=qd")


class Heartbeats:
    """The shared file.

    Args:
        places: of all workers together.
    """

    def __init__(self, places: mmap.mmap) -> None:
        self._places = places

    @classmethod
    def create(cls, workers: int) -> Self:
        """Make the file, for workers that are started from this process."""
        return cls(shared_file.create(_VARIABLE, workers * _PLACE.size))

    @classmethod
    def inherited(cls) -> Self | None:
        """The file of the process that started this one; None without one."""
        places = shared_file.inherited(_VARIABLE)
        return cls(places) if places else None

    def beat(self, worker: int) -> None:
        """This process is worker number ``worker``, counted from 1, and well."""
        self._write(worker, os.getpid(), time.monotonic())

    def processes(self) -> list[int]:
        """Process ids of the living workers that have beaten at least once."""
        return [process for process, _ in self._filled() if lives(process)]

    def well(self) -> list[int]:
        """Numbers, counted from 0, of the workers that have beaten just now."""
        now = time.monotonic()
        places = enumerate(_PLACE.iter_unpack(self._places[:]))
        return [i for i, (process, beaten) in places if process and now - beaten < SILENT_SECONDS]

    def silent(self, seconds: float = SILENT_SECONDS) -> list[int]:
        """Process ids of living workers that have not beaten for some seconds.

        A dead worker is not silent: it is replaced, and the others serve meanwhile.
        """
        now = time.monotonic()
        return [
            process
            for process, beaten in self._filled()
            if now - beaten > seconds and lives(process)
        ]

    def _filled(self) -> Iterator[tuple[int, float]]:
        """Process id and last beat of every place that was ever taken."""
        return (place for place in _PLACE.iter_unpack(self._places[:]) if place[0])

    def _write(self, worker: int, process: int, beaten: float) -> None:
        offset = (worker - 1) * _PLACE.size
        if offset < len(self._places):
            _PLACE.pack_into(self._places, offset, process, beaten)


def lives(process: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def beat_while(well: Callable[[], bool], heartbeats: Heartbeats, worker: int) -> None:
    """Beat until cancelled, leaving out the beats at which the worker is not well."""
    while True:
        if well():
            heartbeats.beat(worker)
        await asyncio.sleep(BEAT_SECONDS)
