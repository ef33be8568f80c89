"""Fixtures that several rooms' tests share."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.servers import PROJECT, Server, environment, running
from harness.toys import write_mapped_toy, write_toy_model
from model_spec import MODEL_NAME, SPEC_FILE, ModelSpec
from tests.support.shared import Shared, made_once

# Tests send nothing to other machines.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# Test processes share the processors. With threads for all of them, a conversion takes half as
# much processor time again: they wait for each other in loops.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Where it is set, every process that a test starts would compile all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A shell's background job ignores Ctrl-C, and so would the commands that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_SERVERS = {"default_server", "good", "served", "server", "toy_server"}
"""Fixtures that start or find a server that more than one file uses."""

_shared = Shared()


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
def shared() -> Iterator[Shared]:
    """The one server that several files share."""
    yield _shared
    _shared.stop()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the shared server if the next file does without one."""
    if nextitem is None or item.path == nextitem.path:
        return
    following = (each for each in item.session.items if each.path == nextitem.path)
    if not any("shared" in _fixtures(each) for each in following):
        _shared.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: quick ones then keep every process busy to the end.

    Of those, files that share a server follow one another.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    server = {item.path: each for item in items for each in SHARED_SERVERS & _fixtures(item)}
    items.sort(key=lambda item: (item.path not in slow, server.get(item.path, ""), item.path))


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def default_conversion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the default model's conversion, as the README says it.

    ``home`` is BentoML's, ``printed`` and ``log`` are standard output and standard error.
    """
    return made_once(tmp_path_factory, "default_conversion", _convert_default)


def _convert_default(folder: Path) -> None:
    home = folder / "home"
    home.mkdir()
    with (folder / "printed").open("wb") as printed, (folder / "log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", "conversion.convert_to_onnx"],
            cwd=PROJECT,
            env=environment(home, folder, {}),
            stdout=printed,
            stderr=log,
            check=True,
        )


@pytest.fixture(scope="session")
def default_home(default_conversion: Path) -> Path:
    """A BentoML home with the default model; only to be read."""
    return default_conversion / "home"


@pytest.fixture(scope="session")
def default_spec(default_home: Path) -> ModelSpec:
    """The default model's spec."""
    (spec_file,) = (default_home / "models" / MODEL_NAME).glob(f"*/{SPEC_FILE}")
    return ModelSpec.load(spec_file.parent)


@pytest.fixture(scope="module")
def default_server(
    shared: Shared, default_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """A server with the default model and default settings."""
    return shared.server(
        "default", lambda: running(default_home, tmp_path_factory.mktemp("default_server"))
    )
