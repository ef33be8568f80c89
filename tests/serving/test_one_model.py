"""One service serves one model, whatever happens in the model store meanwhile."""

import os
import signal
from pathlib import Path

import bentoml
import httpx
import pytest
from bentoml._internal.models import ModelStore

from harness.servers import running, toy_home, wait_until_ready
from harness.toys import write_toy_model
from serving.compat.process_manager import worker_processes
from tests.serving.answers import MODEL

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "asked", [{}, {"CLASSIFIER_MODEL": "image_classifier"}], ids=["no model", "a name alone"]
)
def test_a_killed_worker_comes_back_with_the_same_model(
    tmp_path: Path, asked: dict[str, str]
) -> None:
    home = toy_home(tmp_path)
    with running(home, tmp_path, {"CLASSIFIER_WORKERS": "1", **asked}) as server:
        store = ModelStore(home / "models")
        with bentoml.models.create("image_classifier:newer", _model_store=store) as newer:
            write_toy_model(Path(newer.path))
        assert str(store.get("image_classifier:latest").tag) == "image_classifier:newer"
        (worker,) = worker_processes(server.process.pid)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        wait_until_ready(server)
        assert httpx.get(server.url + "/health").json()["model"] == MODEL
