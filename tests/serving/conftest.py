"""One server with the toy model for all tests that cross HTTP."""

from collections.abc import Iterator

import httpx
import pytest

from harness.servers import Server, running, toy_home
from tests.support.shared import Shared

MAX_BODY_BYTES = 100_000
MAX_PIXELS = 1_000_000
MAX_IMAGES = 4


@pytest.fixture(scope="module")
def toy_server(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Server:
    folder = tmp_path_factory.mktemp("toy_server")
    settings = {
        "CLASSIFIER_WORKERS": "1",
        "CLASSIFIER_MAX_BODY_BYTES": str(MAX_BODY_BYTES),
        "CLASSIFIER_MAX_PIXELS": str(MAX_PIXELS),
        "CLASSIFIER_MAX_IMAGES_PER_REQUEST": str(MAX_IMAGES),
    }
    return shared.server("toy", lambda: running(toy_home(folder), folder, settings))


@pytest.fixture
def client(toy_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=toy_server.url, timeout=20) as client:
        yield client
