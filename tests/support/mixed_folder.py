"""A folder as people have them: photographs, and what only looks like some."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path

from harness.toys import BLUE, GREEN, RED, encoded

COLOURS = (RED, GREEN, BLUE)


def _good(path: Path, number: int) -> None:
    path.write_bytes(encoded(COLOURS[number % 3]) + number.to_bytes(4, "big"))


def _misnamed(path: Path, number: int) -> None:
    path.write_bytes(encoded(COLOURS[number % 3], image_format=("JPEG", "GIF", "WEBP")[number % 3]))


def _large_file(path: Path, number: int) -> None:
    path.touch()
    os.truncate(path, 64 * 1024 * 1024)


def _unreadable(path: Path, number: int) -> None:
    _good(path, number)
    path.chmod(0)


def _link(path: Path, number: int) -> None:
    _good(path.with_name(f".{number}.png"), number)
    path.symlink_to(f".{number}.png")


_COMMON: dict[str, Callable[[Path, int], object]] = {
    "good": _good,
    "duplicate": lambda path, _: path.write_bytes(encoded(RED)),
    "misnamed": _misnamed,
    "corrupt": lambda path, n: path.write_bytes(encoded(RED, size=(64, 64))[: 40 + n % 60]),
    "text": lambda path, n: path.write_bytes(b"no image" * (n % 9)),
    "unreadable": _unreadable,
    "link": _link,
    "link to itself": lambda path, _: path.symlink_to(path.name),
    "link to nothing": lambda path, _: path.symlink_to("nowhere"),
    "link to a folder": lambda path, _: path.symlink_to(path.parent),
}
_RARE: dict[str, Callable[[Path, int], object]] = {
    "huge": lambda path, _: path.write_bytes(encoded(RED, (6000, 6000), "GIF")),
    "large file": _large_file,
    "pipe": lambda path, _: os.mkfifo(path),
}
"""Cost time, or room that only looks taken."""

_IN_A_FOLDER = 40


def fill(folder: Path, count: int) -> list[str]:
    """Fill a folder with entries of every kind, in folders of which one is named like a photograph.

    Args:
        folder: is made.
        count: of the entries; at least 13.

    Returns:
        The paths that a run must have a row for, in the order of their names.
    """
    kinds = itertools.chain(_RARE.values(), itertools.cycle(_COMMON.values()))
    paths = []
    for number, kind in zip(range(count), kinds, strict=False):
        inside = folder / f"{number // _IN_A_FOLDER:04d}.jpg"
        inside.mkdir(parents=True, exist_ok=True)
        path = inside / f"{number:06d}.{('png', 'JPG', 'jpeg')[number % 3]}"
        kind(path, number)
        paths.append(str(path))
    (folder / "loop").symlink_to(folder)
    return paths
