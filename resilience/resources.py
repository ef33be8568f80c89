"""Memory and descriptors of a server's processes over time."""

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression, mean
from typing import Self

import psutil

MEGABYTE = 2**20

_SECONDS = 1.0

# In the command line of the process that forks the decoding processes.
_DECODING = "preprocessing.isolated.process"


@dataclass(frozen=True)
class Sample:
    """One look at a tree of processes."""

    when: float  # on ``time.monotonic()``
    rss: int  # bytes of memory, of all processes
    descriptors: int  # open ones, of all processes
    # Process ids, without those that decode unusual images: they are replaced after an image that
    # they could not decode in time.
    processes: frozenset[int]


@dataclass(frozen=True)
class Trend:
    """A straight line through samples."""

    level: float  # their mean
    per_minute: float  # growth in a minute
    growth: float  # from the first to the last


def trend(times: Sequence[float], values: Sequence[float]) -> Trend:
    """The straight line that fits best."""
    slope, _ = linear_regression(times, values)
    return Trend(mean(values), slope * 60, slope * (times[-1] - times[0]))


class Sampler(threading.Thread):
    """Looks at a process and its descendants every so many seconds until the block ends."""

    def __init__(self, root: psutil.Process, seconds: float = _SECONDS) -> None:
        super().__init__(name="sampler", daemon=True)
        self.samples: list[Sample] = []
        self._root = root
        self._seconds = seconds
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Look no more."""
        self._stopped.set()
        self.join()

    def run(self) -> None:
        """Look until stopped."""
        while not self._stopped.wait(self._seconds):
            with contextlib.suppress(psutil.NoSuchProcess):
                self.samples.append(look(self._root))


def cpu_seconds(root: psutil.Process) -> float:
    """Processor time that a process and its descendants have used, those that ended included."""
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def _decodes(process: psutil.Process) -> bool:
    """Whether a process decodes unusual images.

    Its parent's command line is looked at: a process that is ending has none.
    """
    parent = process.parent()
    return parent is not None and _DECODING in parent.cmdline()


def look(root: psutil.Process) -> Sample:
    """What a process and its descendants hold now."""
    rss = descriptors = 0
    seen = set()
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            rss += process.memory_info().rss
            descriptors += process.num_fds()
            if not _decodes(process):
                seen.add(process.pid)
    return Sample(time.monotonic(), rss, descriptors, frozenset(seen))
