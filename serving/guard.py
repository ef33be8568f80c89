"""The guard: a thread of the supervisor that gets rid of workers that hang.

BentoML replaces a worker that has died, but never notices one that is stopped, stuck in
``session.run`` or never done with loading: it would keep its share of the connections, or
the end of the service, waiting for ever. The guard kills it, and it is replaced like any
other dead one.
"""

import atexit
import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
import time

import psutil

from serving.heartbeat import Heartbeats
from serving.metrics_folder import (
    forget_dead_workers,
    hold_metrics_folder,
    remove_metrics_folder,
)
from serving.spreading import Connections

logger = logging.getLogger("image_classifier.guard")

KILL_SECONDS = 10.0
"""Without a beat for so long a worker is killed: five times what makes it unready."""

_LOOK_SECONDS = 0.5

# In the command line of BentoML's worker processes.
_WORKER_MODULE = "_bentoml_impl.worker"

# BentoML does not replace dead workers where this is set, which it is in its containers: a
# container with one of two workers dead would serve half for ever.
_NO_REPLACEMENT = "BENTOML_CONTAINERIZED"

# Process id of the supervisor, inherited by the workers.
_SUPERVISOR = "IMAGE_CLASSIFIER_SUPERVISOR"

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def start_guard(workers: int, start_seconds: float) -> None:
    """Called in the supervisor before it starts its workers.

    Args:
        workers: how many it keeps.
        start_seconds: that a worker may take until its first beat.
    """
    os.environ.pop(_NO_REPLACEMENT, None)
    os.environ[_SUPERVISOR] = str(os.getpid())
    Connections.create(workers)
    guard = Guard(Heartbeats.create(workers), workers, start_seconds)
    threading.Thread(target=guard.watch, name="guard", daemon=True).start()
    hold_metrics_folder()
    atexit.register(remove_metrics_folder)


class Guard:
    """Looks after the workers of this process.

    Args:
        heartbeats: of the workers.
        workers: how many there should be.
        start_seconds: that a worker may take until its first beat.
    """

    def __init__(self, heartbeats: Heartbeats, workers: int, start_seconds: float) -> None:
        self._heartbeats = heartbeats
        self._workers = workers
        self._start_seconds = start_seconds
        self._first_seen: dict[int, float] = {}

    def watch(self) -> None:
        """Look again and again."""
        while True:
            try:
                self.look()
                time.sleep(_LOOK_SECONDS)
            except Exception:
                # A guard that has ended would guard nobody.
                logger.exception("the guard stumbled")

    def look(self) -> None:
        """Kill who hangs, forget who has died."""
        self._kill_silent()
        beating = self._heartbeats.processes()
        # Looking for children reads every process of the machine: not while all are there.
        if len(beating) < self._workers:
            self._kill_unstarted(beating)
        forget_dead_workers()

    def _kill_silent(self) -> None:
        for process in self._heartbeats.silent(KILL_SECONDS):
            # Its number may have been given to a stranger since it died.
            if _is_child(process):
                _kill(process, f"has not answered for {KILL_SECONDS:g} s")

    def _kill_unstarted(self, beating: list[int]) -> None:
        unstarted = {each.pid for each in worker_processes(os.getpid())} - set(beating)
        now = time.monotonic()
        self._first_seen = {each: self._first_seen.get(each, now) for each in unstarted}
        for process, seen in self._first_seen.items():
            if now - seen > self._start_seconds:
                _kill(process, f"has not started in {self._start_seconds:g} s")


def worker_processes(supervisor: int) -> list[psutil.Process]:
    """The living worker processes of a supervisor, oldest first."""
    found = [child for child in psutil.Process(supervisor).children() if _is_worker(child)]
    return sorted(found, key=psutil.Process.create_time)


def end_with_parent() -> None:
    """Have this worker sent SIGTERM when its supervisor dies, so that it frees the port.

    Linux only; elsewhere orphans have to be stopped by hand.
    """
    supervisor = os.environ.get(_SUPERVISOR)
    if sys.platform != "linux" or supervisor is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(supervisor):  # it has died before this could be said
        os.kill(os.getpid(), signal.SIGTERM)


def _is_child(process: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(process).ppid() == os.getpid())
    return False


def _is_worker(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return process.status() != psutil.STATUS_ZOMBIE and any(
            argument.startswith(_WORKER_MODULE) for argument in process.cmdline()
        )
    return False


def _kill(process: int, reason: str) -> None:
    logger.error("worker %d %s and is killed", process, reason)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
