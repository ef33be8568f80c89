"""A service that wants a key, is easy to overload, and takes requests from pages of one origin."""

import functools
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.servers import PROJECT, Server, running, toy_home
from tests.support.shared import Shared
from tests.support.toys import RED, encoded

KEY = "secret"
MAX_PENDING = 8


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page needs beside it, and an image."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(PROJECT / "examples/classifier.mjs", folder)
    (folder / "red.png").write_bytes(encoded(RED))
    return folder


class _Site(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """No line on the terminal for each request."""


@pytest.fixture(scope="session")
def site(folder: Path) -> Iterator[int]:
    """The port where the folder is served."""
    handler = functools.partial(_Site, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        yield site.server_port
        site.shutdown()
        thread.join()


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
