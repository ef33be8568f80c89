"""Files: which ones are photographs, how they are read, and how they are written atomically."""

import argparse
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from errors import BodyTooLarge, Unreadable

SUFFIXES = frozenset(
    {".avif", ".gif", ".jpe", ".jpeg", ".jpg", ".png", ".webp"}
    # The service does not take these: they are counted as unsupported.
    | {".bmp", ".heic", ".heif", ".jp2", ".jxl", ".tif", ".tiff"}
)
"""Suffixes of files that count as photographs, in lower case."""


def is_photograph(name: str) -> bool:
    """Whether a file counts as a photograph by its name; hidden ones do not."""
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in SUFFIXES


def read_file(path: str | os.PathLike[str], most: int) -> bytes:
    """Read a whole file of at most ``most`` bytes; an Unreadable, or a BodyTooLarge for more."""
    try:
        # Without O_NONBLOCK, opening a pipe would wait for its writer.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(file, "rb") as opened:  # noqa: PTH123
            about = os.fstat(file)
            if not stat.S_ISREG(about.st_mode):
                raise Unreadable("not a regular file")
            if about.st_size > most:
                raise too_large(most)
            return opened.read()
    except (OSError, ValueError) as error:
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from error


def too_large(most: int) -> BodyTooLarge:
    """The error of a file with too many bytes."""
    return BodyTooLarge(f"more than {most} bytes")


def check_writable(path: Path) -> None:
    """Raise an OSError if a file cannot be written. Called before the work, not after it."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a file to write")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise type(error)(f"{path} cannot be written: {error.strerror}") from error


def writable(text: str) -> Path:
    """A file to write that an option names, for argparse: an ArgumentTypeError if it cannot be."""
    path = Path(text)
    try:
        check_writable(path)
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file atomically, even if the power fails; it replaces an older one.

    An OSError if it cannot be written; nothing of it is left then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise type(error)(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Write a folder's names to the disk: fsync(2) of a file does not do that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
