"""One good deployment, with API keys, for all tests of the tool that checks deployments."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from deployment_check.deployment import Deployment
from deployment_check.options import Options
from harness.servers import Server, running, toy_home
from tests.support.shared import Shared

KEY = "the-key-that-is-good"

Connect = Callable[[str], Deployment]


@pytest.fixture(scope="module")
def good(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Server:
    folder = tmp_path_factory.mktemp("good_deployment")
    settings = {
        "CLASSIFIER_WORKERS": "1",
        "CLASSIFIER_API_KEYS": KEY,
        "CLASSIFIER_PAGES_NEED_KEY": "true",
    }
    return shared.server("good", lambda: running(toy_home(folder), folder, settings))


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes deployments of URLs, with the key."""
    with contextlib.ExitStack() as stack:
        yield lambda url: stack.enter_context(Deployment(Options(url, KEY)))
