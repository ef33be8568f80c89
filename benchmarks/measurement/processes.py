"""What a stack's processes use, its descendants included, wherever they were re-parented to."""

import contextlib
import ctypes
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

# prctl(2): descendants whose parent ends become children of this process instead of init's.
_PR_SET_CHILD_SUBREAPER = 36

_IDLE = 0.1
_IDLE_SECONDS = 0.25
_SETTLE_SECONDS = 10.0


@dataclass(frozen=True)
class Memory:
    """Of several processes, in bytes: pages shared between them counted once, and in each."""

    pss: int
    rss: int


class Tree:
    """The descendants of this process that did not exist when the tree was made.

    Processes that ended and were re-parented stay as zombies and keep their processor time
    until ``kill``: nothing is lost.
    """

    def __init__(self) -> None:
        self._others = {process.pid for process in _descendants()}

    def cpu_seconds(self) -> float:
        """User and system time, that of children that ended included."""
        return sum(map(_cpu_seconds, self._processes()))

    def memory(self) -> Memory:
        """What they hold now, and at most held (``VmHWM``)."""
        found = [_memory(process.pid) for process in self._processes()]
        return Memory(sum(each.pss for each in found), sum(each.rss for each in found))

    def settle(self) -> None:
        """Wait until they have finished what they were doing."""
        end = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < end:
            before = self.cpu_seconds()
            time.sleep(_IDLE_SECONDS)
            if self.cpu_seconds() - before < _IDLE * _IDLE_SECONDS:
                return

    def kill(self) -> None:
        """End all of them and forget them."""
        while living := self._processes():
            for process in living:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
            time.sleep(0.01)

    def _processes(self) -> list[psutil.Process]:
        return [process for process in _descendants() if process.pid not in self._others]


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends; an OSError if that is refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _cpu_seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:4]))
    return 0.0


def _memory(pid: int) -> Memory:
    folder = Path(f"/proc/{pid}")
    with contextlib.suppress(OSError, KeyError):
        pss = _fields(folder / "smaps_rollup")["Pss"]
        return Memory(pss, _fields(folder / "status")["VmHWM"])
    return Memory(0, 0)


def _fields(file: Path) -> dict[str, int]:
    """The lines ``Name: number kB`` of a file in ``/proc``, in bytes."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines if line[-1:] == ["kB"]}
