"""The image says what the code says, and its health check tells the truth; container.sh runs it."""

import re
from contextlib import AbstractContextManager
from http import HTTPStatus

import httpx
import pytest
import yaml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.container.generate import BENTO_PATH, BENTO_UID_GID
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from deploy.container.is_ready import address, problem
from deploy.container.with_openvino import with_openvino
from harness.servers import PROJECT, free_port
from tests.support.apps import served
from tests.support.commands import grace_of

DOCKERFILE = (PROJECT / "deploy/container/Dockerfile").read_text().replace("\\\n", " ")
MAKEFILE = (PROJECT / "Makefile").read_text()


def instructions(name: str) -> list[str]:
    """What stands behind an instruction, in order."""
    return re.findall(rf"^{name} +(.+)$", DOCKERFILE, flags=re.MULTILINE)


def strings(text: str) -> list[str]:
    """Those of a JSON array."""
    return re.findall(r'"(.*?)"', text)


def test_the_user_is_the_one_that_bentoml_makes() -> None:
    assert instructions("USER") == [f"{BENTO_UID_GID}:{BENTO_UID_GID}"]
    assert f"--chown={BENTO_UID_GID}:{BENTO_UID_GID} " in DOCKERFILE


def test_the_bento_is_where_bentoml_puts_it() -> None:
    assert f"BENTO_PATH={BENTO_PATH} " in DOCKERFILE
    assert instructions("WORKDIR") == [BENTO_PATH]
    (entrypoint,) = strings(instructions("ENTRYPOINT")[0])
    assert entrypoint == f"{BENTO_PATH}/env/docker/entrypoint.sh"


def test_the_port_is_the_one_that_is_listened_on() -> None:
    port = BentoMLContainer.http.port.get()
    assert instructions("EXPOSE") == [str(port)]
    assert address() == ("127.0.0.1", port)


def test_the_end_is_bounded_by_the_makefile_s_grace() -> None:
    command, *arguments = strings(instructions("CMD")[0])
    assert command == "serve"
    assert f"\nGRACE := {grace_of(arguments)}\n" in MAKEFILE


def test_the_openvino_image_is_the_cpu_image_with_another_engine() -> None:
    cpu = yaml.safe_load((PROJECT / "bentofile.cpu.yaml").read_text())
    found = with_openvino(cpu)
    (added,) = set(found["python"]["packages"]) - set(cpu["python"]["packages"])
    assert added.startswith("openvino>=")
    assert {"name": "CLASSIFIER_DEVICE", "value": "openvino"} in found["envs"]
    assert {**found, "python": cpu["python"], "envs": cpu["envs"]} == cpu
    assert [each["name"] for each in found["envs"]] == [each["name"] for each in cpu["envs"]]


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "BENTOML_HOST", "BENTOML_PORT"):
        monkeypatch.delenv(name, raising=False)


def answering(status: HTTPStatus) -> AbstractContextManager[str]:
    """The URL of a server that answers everything with a status."""
    route = Route("/{path:path}", lambda _: Response(status_code=status))
    return served(Starlette(routes=[route]))


def test_unready_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(HTTPStatus.SERVICE_UNAVAILABLE) as url:
        port = url.rpartition(":")[2]
        monkeypatch.setenv("BENTOML_PORT", port)
        assert problem() == f"127.0.0.1:{port}/readyz: 503"


def test_a_service_that_is_not_there_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    port = str(free_port())
    monkeypatch.setenv("BENTOML_PORT", port)
    assert problem() == f"127.0.0.1:{port}: [Errno 111] Connection refused"


def test_port_goes_before_bentoml_s_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENTOML_PORT", str(free_port()))
    with answering(HTTPStatus.OK) as url:
        monkeypatch.setenv("PORT", url.rpartition(":")[2])
        assert problem() is None


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", None])
@pytest.mark.slow
def test_ready_is_healthy(
    served: httpx.Client, monkeypatch: pytest.MonkeyPatch, host: str | None
) -> None:
    if host:
        monkeypatch.setenv("BENTOML_HOST", host)
    monkeypatch.setenv("BENTOML_PORT", str(served.base_url.port))
    assert problem() is None
