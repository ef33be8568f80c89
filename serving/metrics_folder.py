"""Where the metrics of all workers lie until ``/metrics`` adds them up.

prometheus_client counts in memory-mapped files, one set per process. BentoML puts them
below ``BENTOML_HOME``: a full disk then kills the workers with SIGBUS, and two services
that share the folder wipe each other's.
"""

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

if sys.platform != "win32":
    import fcntl

from bentoml._internal.configuration.containers import BentoMLContainer

from serving.heartbeat import lives

# A file system in memory on Linux, in containers with a read-only root, too.
_MEMORY = Path("/dev/shm")  # noqa: S108

_PREFIX = "image-classifier-"

# A folder is made some moments before it is held.
_YOUNG_SECONDS = 60.0


def choose_metrics_folder() -> None:
    """Have BentoML's supervisor use a folder in memory, of this service alone.

    Called when the service is imported, before the supervisor makes the folder.
    """
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    folder = parent / f"{_PREFIX}{secrets.token_hex(8)}"
    BentoMLContainer.prometheus_multiproc_dir.set(str(folder))


def hold_metrics_folder() -> None:
    """Called in the supervisor: for as long as it lives nobody else removes the folder.

    Those of supervisors that were killed are removed. Whether one lives is told by a lock, since
    containers that share the memory have process ids of their own.
    """
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):  # then nobody can lock it
        _locked(_folder())
    for folder in _folder().parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # held, somebody else's, or just removed
            if time.time() - folder.stat().st_mtime > _YOUNG_SECONDS:
                lock = _locked(folder)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def forget_dead_workers() -> None:
    """Take back what workers that were killed had in progress: nobody else would."""
    for file in _folder().glob("gauge_live*_*.db"):
        process = int(file.stem.rpartition("_")[2])
        if not lives(process):
            file.unlink(missing_ok=True)


def remove_metrics_folder() -> None:
    """When the service ends."""
    shutil.rmtree(_folder(), ignore_errors=True)


def _locked(folder: Path) -> int:
    """A descriptor that holds the folder while it is open; raises OSError if another does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _folder() -> Path:
    return Path(BentoMLContainer.prometheus_multiproc_dir.get())
