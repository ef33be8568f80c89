"""Where the metrics of all workers lie until ``/metrics`` adds them up.

prometheus_client counts in memory-mapped files, one set per process. BentoML puts them
below ``BENTOML_HOME``: a full disk then kills the workers with SIGBUS, and two services
that share the folder wipe each other's.
"""

import os
import secrets
import shutil
import tempfile
from pathlib import Path

from bentoml._internal.configuration.containers import BentoMLContainer

from serving.heartbeat import lives

# A file system in memory on Linux, in containers with a read-only root, too.
_MEMORY = Path("/dev/shm")  # noqa: S108


def choose_metrics_folder() -> None:
    """Have BentoML's supervisor use a folder in memory, of this service alone.

    Called when the service is imported, before the supervisor makes the folder.
    """
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    folder = parent / f"image-classifier-{secrets.token_hex(8)}"
    BentoMLContainer.prometheus_multiproc_dir.set(str(folder))


def forget_dead_workers() -> None:
    """Take back what workers that were killed had in progress: nobody else would."""
    for file in _folder().glob("gauge_live*_*.db"):
        process = int(file.stem.rpartition("_")[2])
        if not lives(process):
            file.unlink(missing_ok=True)


def remove_metrics_folder() -> None:
    """When the service ends."""
    shutil.rmtree(_folder(), ignore_errors=True)


def _folder() -> Path:
    return Path(BentoMLContainer.prometheus_multiproc_dir.get())
