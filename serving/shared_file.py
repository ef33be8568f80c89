"""Small files in memory that the supervisor makes and all of its workers share."""

import atexit
import mmap
import os
import tempfile
from pathlib import Path


def create(variable: str, size: int) -> mmap.mmap:
    """Make a file of zeros, for processes that are started from this one.

    Args:
        variable: of the environment, which tells them where it is.
        size: in bytes.
    """
    descriptor, name = tempfile.mkstemp(prefix="image-classifier-")
    os.write(descriptor, bytes(size))
    os.close(descriptor)
    atexit.register(Path(name).unlink, missing_ok=True)
    os.environ[variable] = name
    return _mapped(name)


def inherited(variable: str) -> mmap.mmap | None:
    """The file of the process that started this one; None without one."""
    name = os.environ.get(variable)
    return _mapped(name) if name else None


def _mapped(name: str) -> mmap.mmap:
    with Path(name).open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)
