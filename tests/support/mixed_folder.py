"""A folder as people have them: photographs, and what only looks like some."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path

from tests.support.toys import BLUE, GREEN, RED, encoded

COLOURS = (RED, GREEN, BLUE)


def _good(path: Path, number: int) -> None:
    path.write_bytes(encoded(COLOURS[number % 3]) + number.to_bytes(4, "big"))


def _duplicate(path: Path, number: int) -> None:
    path.write_bytes(encoded(RED))


def _misnamed(path: Path, number: int) -> None:
    path.write_bytes(encoded(COLOURS[number % 3], image_format=("JPEG", "GIF", "WEBP")[number % 3]))


def _corrupt(path: Path, number: int) -> None:
    path.write_bytes(encoded(RED, size=(64, 64))[: 40 + number % 60])


def _text(path: Path, number: int) -> None:
    path.write_bytes(b"no image" * (number % 9))


def _huge(path: Path, number: int) -> None:
    path.write_bytes(encoded(RED, size=(6000, 6000), image_format="GIF"))


def _large_file(path: Path, number: int) -> None:
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)


def _unreadable(path: Path, number: int) -> None:
    _good(path, number)
    path.chmod(0)


def _pipe(path: Path, number: int) -> None:
    os.mkfifo(path)


def _link(path: Path, number: int) -> None:
    _good(path.with_name(f".{number}.png"), number)
    path.symlink_to(f".{number}.png")


def _link_to_itself(path: Path, number: int) -> None:
    path.symlink_to(path.name)


def _link_to_nothing(path: Path, number: int) -> None:
    path.symlink_to("nowhere")


def _link_to_a_folder(path: Path, number: int) -> None:
    path.symlink_to(path.parent)


_COMMON: tuple[Callable[[Path, int], None], ...] = (
    *(_good, _duplicate, _misnamed, _corrupt, _text),
    *(_unreadable, _link, _link_to_itself, _link_to_nothing, _link_to_a_folder),
)
_RARE = (_huge, _large_file, _pipe)
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
    kinds = itertools.chain(_RARE, itertools.cycle(_COMMON))
    paths = []
    for number, kind in zip(range(count), kinds, strict=False):
        inside = folder / f"{number // _IN_A_FOLDER:04d}.jpg"
        inside.mkdir(parents=True, exist_ok=True)
        path = inside / f"{number:06d}.{('png', 'JPG', 'jpeg')[number % 3]}"
        kind(path, number)
        paths.append(str(path))
    (folder / "loop").symlink_to(folder)
    return paths
