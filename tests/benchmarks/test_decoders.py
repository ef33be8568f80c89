from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.decoders import OURS, colour_jpegs, installed, ours, table
from tests.preprocessing.images import save, textured


def test_only_ordinary_colour_jpegs_are_taken(tmp_path: Path) -> None:
    colour = save(textured(40, 30), "JPEG")
    (tmp_path / "colour.JPEG").write_bytes(colour)
    (tmp_path / "grey.jpg").write_bytes(save(textured(40, 30).convert("L"), "JPEG"))
    (tmp_path / "huge.jpg").write_bytes(colour + bytes(200_000))
    (tmp_path / "labels.csv").write_text("colour.JPEG,1\n")

    assert list(colour_jpegs(tmp_path)) == [colour]


def test_what_is_not_installed_is_left_out() -> None:
    assert OURS in installed()


def test_ways_are_compared_with_ours(tmp_path: Path) -> None:
    jpeg = save(Image.new("RGB", (40, 30), (200, 100, 50)), "JPEG")
    ways = {OURS: ours, "one brighter": lambda encoded: ours(encoded) + np.uint8(1)}

    head, line, *rows = table(ways, [jpeg], {}, tmp_path)

    assert {text.count("|") for text in (head, line, *rows)} == {7}
    cells = {row.split("|")[1].strip(): row.split("|")[-3:-1] for row in rows}
    assert cells == {OURS: [" 0.00 ", " 0 "], "one brighter": [" 1.00 ", " 1 "]}
