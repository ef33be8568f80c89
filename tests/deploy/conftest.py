"""A toy server for what the manifests say of a running one."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import httpx
import pytest

from harness.servers import Server, running, toy_home
from inference.answers.drift import reference_of
from model_spec import ModelSpec
from tests.support.shared import Shared


@pytest.fixture(scope="module")
def served(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a running service."""
    folder = tmp_path_factory.mktemp("deployed")

    def start() -> AbstractContextManager[Server]:
        home = toy_home(folder)
        model = home / "models/image_classifier/toy"
        reference = reference_of([(0, 0.95), (2, 0.95)])  # drift is measured against it
        ModelSpec.load(model).model_copy(update={"reference": reference}).save(model)
        return running(home, folder, {"CLASSIFIER_WORKERS": "1"})

    server = shared.server("deployed", start)
    with httpx.Client(base_url=server.url, timeout=20) as client:
        yield client
