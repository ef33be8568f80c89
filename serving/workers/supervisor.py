"""What the supervisor, the parent of the worker processes, does beside BentoML's own work.

BentoML replaces a worker that has died. It never notices one that is stopped, stuck in
``session.run`` or still loading: such a worker would keep its connections, or delay the end of the
service, for ever. A thread here kills it, and BentoML replaces it like any dead one.
"""

import atexit
import contextlib
import logging
import os
import signal
import threading
import time

import psutil

from serving.compat.bentoml_parts import metrics_folder
from serving.compat.process_manager import use_prompt_arbiter, worker_processes
from serving.compat.versions import is_supported
from serving.metrics.storage import forget_process, hold_metrics_folder, remove_metrics_folder
from serving.workers.shutdown import name_supervisor
from serving.workers.table import WorkerTable, lives

logger = logging.getLogger("image_classifier.supervisor")

KILL_SECONDS = 10.0
"""A worker without a beat for this long is killed; a fifth of it makes the service unready."""

# What a worker needs to load the model may come back: after each failure the next try is twice as
# late, from KILL_SECONDS on.
_MOST_DOUBLINGS = 6

_LOOK_SECONDS = 0.5


def supervise(workers: int, start_seconds: float) -> None:
    """Start to watch the workers. Called before BentoML starts them."""
    if is_supported():
        use_prompt_arbiter()
    name_supervisor()
    hold_metrics_folder()
    atexit.register(remove_metrics_folder)
    watch = Watch(WorkerTable.create(workers, metrics_folder()), start_seconds)
    threading.Thread(target=watch.run, name="supervisor", daemon=True).start()


class Watch:
    """Kills workers that hang, and cleans up after those that have died.

    Args:
        start_seconds: that a worker may take until its first beat.
    """

    def __init__(self, table: WorkerTable, start_seconds: float) -> None:
        self._table = table
        self._start_seconds = start_seconds
        self._first_seen: dict[int, float] = {}
        self._begun: set[int] = set()

    def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                self.look()
            except Exception:
                logger.exception("the watch over the workers failed, and goes on")
            time.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Look once."""
        for process in self._table.silent(KILL_SECONDS):
            # Another process may have the id of a worker that has died since.
            if _is_child(process):
                _kill(process, f"has not answered for {KILL_SECONDS:g} s")
        for process, age, failures in self._table.failed():
            seconds = KILL_SECONDS * 2 ** min(failures - 1, _MOST_DOUBLINGS)
            if age > seconds and _is_child(process):
                _kill(process, f"cannot classify, as it said {seconds:g} s ago,")
        self._begun |= set(self._table.processes())
        for process in [each for each in self._begun if not lives(each)]:
            self._begun.remove(process)
            forget_process(process)
        # To look for children reads every process of the machine: only if some are missing.
        if len(self._begun) < self._table.workers:
            self._kill_unstarted()

    def _kill_unstarted(self) -> None:
        unstarted = {each.pid for each in worker_processes(os.getpid())} - self._begun
        now = time.monotonic()
        self._first_seen = {each: self._first_seen.get(each, now) for each in unstarted}
        for process, seen in self._first_seen.items():
            if now - seen > self._start_seconds:
                _kill(process, f"has not started in {self._start_seconds:g} s")


def _is_child(process: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(process).ppid() == os.getpid())
    return False


def _kill(process: int, reason: str) -> None:
    logger.error("worker %d %s and is killed", process, reason)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
