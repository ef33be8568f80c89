from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.photographs import given_or_made, make, read


def test_made_ones_are_of_the_usual_size() -> None:
    images = make(10)
    assert make(10) == images
    assert len(set(images)) == 10
    for image in images:
        assert 90_000 < len(image) < 130_000
        with Image.open(BytesIO(image)) as opened:
            assert (opened.format, opened.size) == ("JPEG", (500, 375))


def test_only_jpeg_files_of_a_folder_are_read(tmp_path: Path) -> None:
    for name in ("b.JPEG", "a.jpg", "labels.csv"):
        (tmp_path / name).write_bytes(name.encode())
    assert read(tmp_path) == [b"a.jpg", b"b.JPEG"]


def test_a_folder_without_jpeg_files_is_said(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(SystemExit, match=f"^error: {folder} is no folder with JPEG files$"):
            given_or_made(folder)
