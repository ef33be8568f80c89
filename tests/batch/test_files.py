import errno
import os
from argparse import ArgumentTypeError
from pathlib import Path
from typing import BinaryIO

import pytest

from batch.files import (
    check_writable,
    is_photograph,
    read_file,
    sync_folder,
    writable,
    write_whole,
)
from errors import BodyTooLarge, Unreadable


def test_a_photograph_is_told_by_its_name() -> None:
    names = ["a.jpg", "a.JPEG", "a.b.webp", "a.heic", "a.txt", "jpg", ".a.jpg"]
    assert list(filter(is_photograph, names)) == names[:4]


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"12345")
    assert read_file(file, 5) == b"12345"
    with pytest.raises(BodyTooLarge, match="more than 4 bytes"):
        read_file(file, 4)


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    found = {}
    for path in tmp_path.iterdir():
        with pytest.raises(Unreadable) as caught:
            read_file(path, 100)
        found[path.name] = caught.value.message
    assert found == {
        "gone.jpg": "No such file or directory",
        "loop.jpg": "Too many levels of symbolic links",
        "folder.jpg": "Is a directory",
        "pipe.jpg": "not a regular file",
    }


def test_a_name_that_no_file_can_have_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="embedded null byte"):
        read_file("a\0.jpg", 100)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    write_whole(file, lambda opened: opened.write(b"old"))

    def fail(opened: BinaryIO) -> None:
        opened.write(b"half of the n")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        write_whole(file, fail)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("rows", b"old")]


def test_a_folder_can_be_synced(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "file" / "below")


def test_what_cannot_be_written_is_found_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "rows.csv")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(IsADirectoryError, match="is a folder, not a file to write"):
        check_writable(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"rows.csv cannot be written: No such file"):
        check_writable(tmp_path / "nowhere/rows.csv")


def test_an_option_names_what_can_be_written(tmp_path: Path) -> None:
    assert writable(str(tmp_path / "page.png")) == tmp_path / "page.png"
    with pytest.raises(ArgumentTypeError, match=r"page.png cannot be written: No such file"):
        writable(str(tmp_path / "nowhere/page.png"))


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    def fail(file: BinaryIO) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=rf"^{tmp_path}/rows cannot be written: No space left on"):
        write_whole(tmp_path / "rows", fail)
    assert list(tmp_path.iterdir()) == []
