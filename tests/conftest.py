"""Fixtures that several rooms' tests share."""

from pathlib import Path

import pytest

from model_spec import ModelSpec
from tests.toys import write_toy_model


@pytest.fixture
def toy_folder(tmp_path: Path) -> Path:
    """A folder with the toy model, as the model store has it."""
    write_toy_model(tmp_path)
    return tmp_path


@pytest.fixture
def toy_spec(toy_folder: Path) -> ModelSpec:
    """The toy model's spec."""
    return ModelSpec.load(toy_folder)
