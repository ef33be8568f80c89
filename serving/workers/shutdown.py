"""How a worker learns that it must end, and how it ends.

SIGTERM reaches uvicorn's server. The worker is unready at once, serves on for a while, then
accepts nothing more, finishes what it has accepted, and ends.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

from serving.compat.uvicorn_server import WorkerServer

# Process id of the supervisor, inherited by the workers.
_SUPERVISOR = "IMAGE_CLASSIFIER_SUPERVISOR"

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def drain_at_end(seconds: float, on_signal: Callable[[], object]) -> None:
    """Serve on for some seconds after the first signal to end.

    Load balancers need this long to see that the worker is unready. ``on_signal`` is called in the
    event loop at the signal. With versions of uvicorn that were not tried, the worker ends at once.
    """
    if WorkerServer.running is not None:
        WorkerServer.running.drain_at_exit(seconds, on_signal)


def name_supervisor() -> None:
    """Let the workers that this process starts know that it is their supervisor."""
    os.environ[_SUPERVISOR] = str(os.getpid())


def end_with_supervisor() -> None:
    """Have this worker sent SIGTERM when its supervisor dies, so that it frees the port.

    Linux only; elsewhere orphans have to be stopped by hand.
    """
    supervisor = os.environ.get(_SUPERVISOR)
    if sys.platform != "linux" or supervisor is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(supervisor):  # it has died before this line
        os.kill(os.getpid(), signal.SIGTERM)
