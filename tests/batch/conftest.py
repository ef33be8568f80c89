"""Fixtures of the batch's tests."""

from pathlib import Path

import pytest

from harness.toys import BLUE, GREEN, RED, encoded, write_toy_model
from settings import Device, Settings

SETTINGS = Settings(device=Device.CPU, workers=1)
COLOURS = {"red": RED, "green": GREEN, "blue": BLUE}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of the toy model, as a model store has it."""
    folder = tmp_path / "image_classifier" / "toy"
    folder.mkdir(parents=True)
    write_toy_model(folder)
    return folder


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder with ten images of each colour, in folders named after them."""
    folder = tmp_path / "photographs"
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(10):
            (folder / name / f"{number}.png").write_bytes(encoded(colour))
    return folder
