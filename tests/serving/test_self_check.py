"""What a worker finds out at its start by asking itself."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import uvicorn
from pydantic import SecretStr

from errors import ModelUnavailable
from harness.toys import HIGH, write_toy_model
from model_spec import ModelSpec
from serving.api import routes
from serving.compat.uvicorn_server import WorkerServer
from serving.self_check import check_over_http
from serving.transport.front_door import FrontDoor
from serving.transport.http_connection import HttpConnection
from serving.transport.http_request import HttpRequest
from settings import Settings
from tests.serving.asgi import bentoml_page
from tests.serving.classifiers import monitor_of, toy_classifier

Check = Callable[..., None]


@pytest.fixture
def check(toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Start the toy model behind a front door, then have it ask itself."""

    monkeypatch.setattr(WorkerServer, "running", None)

    def run(settings: Settings | None = None, *, claimed: float = HIGH) -> None:
        asyncio.run(asked(settings or Settings(), claimed))

    async def asked(settings: Settings, claimed: float) -> None:
        spec = write_toy_model(toy_folder, confidence=claimed)
        monitor = monitor_of(toy_classifier(toy_folder, settings))
        routed = {"/classify": {"POST": routes.classify}}
        door = FrontDoor(bentoml_page, routed, settings, lambda: monitor)
        monkeypatch.setattr(WorkerServer, "connection", HttpConnection, raising=False)
        server = WorkerServer(uvicorn.Config(door, log_config=None))
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        try:
            await check_over_http(spec, toy_folder, settings)
        finally:
            assert monitor.classifier
            await monitor.classifier.close()
        assert not server.server_state.connections

    return run


def test_the_golden_answer_is_right(check: Check, caplog: pytest.LogCaptureFixture) -> None:
    check()
    assert caplog.records == []


@pytest.mark.parametrize("keys", ["first, second", "clé", "钥匙"])
def test_a_key_is_sent_where_one_is_needed(check: Check, keys: str) -> None:
    check(Settings(api_keys=SecretStr(keys)))


def test_another_answer_than_pytorch_gave_is_a_problem(check: Check) -> None:
    expected = r"class 0 got 0\.9922, PyTorch gave 0\.8000 \(tolerance 0\.12\)"
    with pytest.raises(ModelUnavailable, match=expected):
        check(claimed=0.8)


def test_bodies_that_get_lost_are_a_problem(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpRequest, "keep", lambda self, piece: None)
    expected = r"the golden image got 400 over HTTP: the image is empty \(0 bytes\)"
    with pytest.raises(ModelUnavailable, match=expected):
        check()


def test_a_connection_that_ends_without_an_answer_is_a_problem(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HttpConnection, "data_received", lambda self, data: self.transport.close())
    with pytest.raises(ModelUnavailable, match="no answer over HTTP to the golden image"):
        check()


@pytest.mark.parametrize("limit", ["max_body_bytes", "max_pixels"])
def test_limits_below_the_golden_image_are_no_problem(
    check: Check, limit: str, caplog: pytest.LogCaptureFixture
) -> None:
    check(Settings.model_validate({limit: 10}))
    assert caplog.messages == ["the golden image is over the limits, its answer was not checked"]


def test_behind_another_server_nothing_is_asked(
    toy_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(WorkerServer, "running", None)
    asyncio.run(check_over_http(ModelSpec.load(toy_folder), toy_folder, Settings()))
    assert caplog.messages == [
        "the golden image is not checked over HTTP: this is not the usual server"
    ]
