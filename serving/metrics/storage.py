"""The folder in which all workers keep their metrics until ``/metrics`` adds them up.

prometheus_client counts in memory-mapped files, one set for each process. BentoML puts them
below ``BENTOML_HOME``, where a full disk kills the workers with SIGBUS, and where two services
delete each other's files. So each service has a folder of its own, in memory.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from serving.compat.bentoml_parts import metrics_folder, set_metrics_folder

# A file system in memory on Linux, also in containers with a read-only root.
_MEMORY = Path("/dev/shm")  # noqa: S108

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_PREFIX = "image-classifier-"

# A folder is made some moments before it is locked.
_YOUNG_SECONDS = 60.0


def choose_metrics_folder() -> None:
    """Choose the folder. Called when the service is imported, before BentoML makes it."""
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    set_metrics_folder(parent / f"{_PREFIX}{secrets.token_hex(8)}")


def workers_folder() -> Path:
    """The folder of the supervisor that started this process, in prometheus_client's variable."""
    return Path(os.environ.get(_VARIABLE) or metrics_folder())


def hold_metrics_folder() -> None:
    """Lock the folder while this process lives, and remove those of supervisors that were killed.

    Process ids would not do: containers that share the memory have their own.
    """
    folder = metrics_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # this file system has no locks
        _lock(folder)
    for other in folder.parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # held, not ours to remove, or just removed
            if time.time() - other.stat().st_mtime > _YOUNG_SECONDS:
                lock = _lock(other)
                shutil.rmtree(other, ignore_errors=True)
                os.close(lock)


def forget_process(process: int) -> None:
    """Remove a dead worker's requests in progress."""
    mark_process_dead(process, str(metrics_folder()))  # type: ignore[no-untyped-call]


def remove_metrics_folder() -> None:
    """Called when the service ends."""
    shutil.rmtree(metrics_folder(), ignore_errors=True)


def _lock(folder: Path) -> int:
    """A descriptor that holds the folder while it is open; OSError if another process does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
