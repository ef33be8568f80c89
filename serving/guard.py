"""The guard: a thread of the supervisor that gets rid of workers that hang.

BentoML replaces a worker that has died, but never notices one that is stopped or stuck in
``session.run``: it would keep its share of the connections for ever. The guard kills it,
and it is replaced like any other dead one.
"""

import ctypes
import logging
import os
import signal
import sys
import threading
import time

from serving.heartbeat import Heartbeats

logger = logging.getLogger("image_classifier.guard")

KILL_SECONDS = 10.0
"""Without a beat for so long a worker is killed: five times what makes it unready."""

_LOOK_SECONDS = 0.5

# BentoML does not replace dead workers where this is set, which it is in its containers: a
# container with one of two workers dead would serve half for ever.
_NO_REPLACEMENT = "BENTOML_CONTAINERIZED"

# Process id of the supervisor, inherited by the workers.
_SUPERVISOR = "IMAGE_CLASSIFIER_SUPERVISOR"

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def start_guard(workers: int) -> None:
    """Called in the supervisor before it starts its workers."""
    os.environ.pop(_NO_REPLACEMENT, None)
    os.environ[_SUPERVISOR] = str(os.getpid())
    heartbeats = Heartbeats.create(workers)
    threading.Thread(target=_watch, args=(heartbeats,), name="guard", daemon=True).start()


def kill_silent(heartbeats: Heartbeats, seconds: float = KILL_SECONDS) -> None:
    """Kill the workers that have not beaten for some seconds."""
    for process in heartbeats.silent(seconds):
        logger.error("worker %d has not answered for %.0f s and is killed", process, seconds)
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


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


def _watch(heartbeats: Heartbeats) -> None:
    while True:
        try:
            kill_silent(heartbeats)
            time.sleep(_LOOK_SECONDS)
        except Exception:
            # A guard that has ended would guard nobody.
            logger.exception("the guard stumbled")
