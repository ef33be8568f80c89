"""A toy server for what the manifests say of a running one."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.servers import running, toy_home


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a running service."""
    folder = tmp_path_factory.mktemp("deployed")
    with (
        running(toy_home(folder), folder, {"CLASSIFIER_WORKERS": "1"}) as server,
        httpx.Client(base_url=server.url, timeout=20) as client,
    ):
        yield client
