"""A service that wants a key, is easy to overload, and takes requests from pages of one origin."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from harness.servers import PROJECT, Server, running, toy_home
from harness.toys import RED, encoded
from tests.support.apps import served
from tests.support.shared import Shared

KEY = "secret"
MAX_PENDING = 8


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page needs beside it, and an image."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(PROJECT / "examples/classifier.mjs", folder)
    (folder / "red.png").write_bytes(encoded(RED))
    return folder


@pytest.fixture(scope="session")
def site(folder: Path) -> Iterator[int]:
    """The port where the folder is served."""
    with served(Starlette(routes=[Mount("/", StaticFiles(directory=folder))])) as url:
        yield int(url.rpartition(":")[2])


@pytest.fixture(scope="module")
def server(site: int, shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Takes requests from pages at 127.0.0.1, not from those at localhost."""
    folder = tmp_path_factory.mktemp("examples")
    settings = {
        "CLASSIFIER_WORKERS": "1",
        "CLASSIFIER_API_KEYS": KEY,
        "CLASSIFIER_CORS_ORIGINS": f"http://127.0.0.1:{site}",
        "CLASSIFIER_ACCESS_LOG": "true",
        # A batch waits for more images than may wait: easy to overload.
        "CLASSIFIER_MAX_PENDING_IMAGES": str(MAX_PENDING),
        "CLASSIFIER_MAX_BATCH_SIZE": str(2 * MAX_PENDING),
        "CLASSIFIER_MAX_BATCH_DELAY_MS": "200",
    }
    return shared.server("examples", lambda: running(toy_home(folder), folder, settings))
