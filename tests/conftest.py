"""Fixtures that several rooms' tests share."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_spec import MODEL_NAME, SPEC_FILE, ModelSpec
from tests.support.servers import PROJECT, Server, environment, running
from tests.support.toys import write_mapped_toy, write_toy_model

# Tests talk to nobody but this machine.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# A shell's background job ignores Ctrl-C, and so would the commands that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def toy_folder(tmp_path: Path) -> Path:
    """A folder with the toy model, as the model store has it."""
    write_toy_model(tmp_path)
    return tmp_path


@pytest.fixture
def toy_spec(toy_folder: Path) -> ModelSpec:
    """The toy model's spec."""
    return ModelSpec.load(toy_folder)


@pytest.fixture
def mapped_folder(tmp_path: Path) -> Path:
    """A folder with the toy model that has class activation maps."""
    write_mapped_toy(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def default_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BentoML home with the default model, converted as the README says."""
    folder = tmp_path_factory.mktemp("default_model")
    home = folder / "home"
    home.mkdir()
    subprocess.run(
        [sys.executable, "-m", "conversion.convert_to_onnx"],
        cwd=PROJECT,
        env=environment(home, folder, {}),
        check=True,
    )
    return home


@pytest.fixture(scope="session")
def default_spec(default_home: Path) -> ModelSpec:
    """The default model's spec."""
    (spec_file,) = (default_home / "models" / MODEL_NAME).glob(f"*/{SPEC_FILE}")
    return ModelSpec.load(spec_file.parent)


@pytest.fixture(scope="session")
def default_server(
    default_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server with the default model and default settings."""
    with running(default_home, tmp_path_factory.mktemp("default_server")) as server:
        yield server
