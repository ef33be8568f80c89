from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.scaled_decoding import camera_jpeg, look, scaled, table
from harness.images import LIMITS, save, textured
from inference import open_session
from preprocessing import decode
from settings import Device


def photograph(folder: Path) -> Path:
    path = folder / "photograph.jpg"
    Image.new("RGB", (40, 30), (158, 128, 98)).save(path)
    return path


def test_a_photograph_is_enlarged_and_has_noise(tmp_path: Path) -> None:
    image = decode(camera_jpeg(photograph(tmp_path), 0.12), LIMITS)
    assert image.size == (400, 300)
    pixels = np.asarray(image, float)
    assert np.abs(pixels.mean(axis=(0, 1)) - (158, 128, 98)).max() < 1
    assert (pixels.std(axis=(0, 1)) > 2).all()


def test_a_scaled_look_is_nearly_the_same(toy_folder: Path) -> None:
    session = open_session(toy_folder, Device.CPU, intra_op_threads=1)
    jpeg = save(textured(640, 480), "JPEG")
    full, small = (
        look(session, jpeg, scaled(session.spec.preprocessing, least)) for least in (None, 8)
    )
    assert full.class_id == small.class_id
    assert np.abs(full.pixels.astype(int) - small.pixels).mean() < 3


def test_every_size_has_a_row_for_each_scale(toy_folder: Path, tmp_path: Path) -> None:
    session = open_session(toy_folder, Device.CPU, intra_op_threads=1)
    head, line, *rows = table(session, [photograph(tmp_path)] * 2, megapixels=(0.12, 0.24))
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert {text.count("|") for text in (head, line, *rows)} == {13}
    assert [row[0] for row in cells] == ["0.12"] * 3 + ["0.24"] * 3
    assert [row[3] for row in cells] == ["4", "**2.5**", "1"] * 2
    assert [row[9] for row in cells] == ["100.0%"] * 6
