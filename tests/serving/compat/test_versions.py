"""The supported versions: what the lists say, what was tried, and what happens with others."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import pytest
import tomli
from packaging.requirements import Requirement

from harness.servers import PROJECT, Server, metric, running, toy_home
from harness.toys import RED, encoded
from resilience.faults.scene import TWO_WORKERS
from resilience.processes import client_ports, until, workers
from serving.compat import versions
from serving.compat.versions import SUPPORTED, is_supported
from tests.serving.compat.sources import hashes
from tests.serving.raw import connected, one_response
from tests.support.overlays import python_with

LOWEST, NEWEST = ({package: ends[end] for package, ends in SUPPORTED.items()} for end in (0, 1))

IMAGE = encoded(RED)
CLASSIFY = b"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(IMAGE) + IMAGE

WRITTEN_AGAINST = {
    "uvicorn Config.load": {"5d91e405d8881984", "92b7159dce105a9c"},
    "uvicorn Server.__init__": {"c150b55284f7511e"},
    "uvicorn Server._serve": {"0f5f96c95f95a59e", "4575b7a50adfede8"},
    "uvicorn Server.startup": {"b8cfd844250d67c2", "2aa1d70a244bfcf2"},
    "uvicorn Server.on_tick": {"659f5bae6467528c", "60ea49b06ccf68c1"},
    "uvicorn Server.shutdown": {"387b5aa5c12edbea", "9b33c50562992b1e"},
    "uvicorn Server.handle_exit": {"c04b72116072950c", "553276efa26e09ea"},
    "uvicorn ServerState": {"f2260fbf10154746"},
    "bentoml worker's main": {"19466ba1f7ca3faa"},
    "bentoml Service.to_asgi": {"bc4a615ea6253837"},
    "bentoml Service.doc": {"70dabe3bd15c0827"},
    "bentoml Service.openapi_spec": {"38e7c8ebe6734bda"},
    "bentoml Service.schema": {"04d974a0f9990104"},
    "bentoml create_standalone_arbiter": {"7599114edfbd5652"},
    "bentoml Arbiter": {"07d86922b6531478"},
    "circus Arbiter.manage_watchers": {"5b047b07f89ee6ca"},
    "circus Arbiter.stop": {"ac1689b5bf488cbb"},
    "circus synchronized": {"f8e32b59a9f2588d"},
}
"""Hashes of the functions' sources in the lowest and in the newest version."""


def changed(found: dict[str, str]) -> list[str]:
    """The functions whose source is not one that serving/compat was written against."""
    return [name for name, source in found.items() if source not in WRITTEN_AGAINST[name]]


def test_nothing_has_changed_that_this_service_overrides_or_relies_on() -> None:
    installed = {package: version(package) for package in SUPPORTED}
    assert changed(hashes()) == [], f"changed in {installed}: read it, then try it"


def test_the_lists_allow_the_supported_versions_only() -> None:
    project = tomli.loads((PROJECT / "pyproject.toml").read_text())["project"]
    listed = {each.name: each.specifier for each in map(Requirement, project["dependencies"])}
    for package, (lowest, newest) in SUPPORTED.items():
        major, minor, patch = map(int, newest.split("."))
        above = f"{major}.{minor + 1}.0" if package == "uvicorn" else f"{major}.{minor}.{patch + 1}"
        assert f">={lowest.removesuffix('.0')}" in str(listed[package])
        assert listed[package].contains(newest)
        assert not listed[package].contains(above)


@pytest.mark.parametrize(
    ("package", "installed", "supported"),
    [
        ("uvicorn", "0.29.9", False),
        ("uvicorn", "0.30.0", True),
        ("uvicorn", "0.54.0", True),
        ("uvicorn", "0.55.0", False),
        ("bentoml", "1.4.38", False),
        ("bentoml", "1.4.41", False),
    ],
)
def test_it_warns_of_a_version_that_was_not_tried(
    package: str,
    installed: str,
    supported: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = {**NEWEST, package: installed}
    monkeypatch.setattr(versions, "version", found.__getitem__)
    assert is_supported() == supported
    assert (f"{package} {installed} was not tried" in caplog.text) != supported


def python_of(wanted: dict[str, str]) -> Path:
    """A Python with these versions."""
    if wanted == {package: version(package) for package in wanted}:
        return Path(sys.executable)
    pinned = [f"{package}=={number}" for package, number in wanted.items()]
    folder = PROJECT / "build/versions" / "-".join(pinned)
    return python_with(folder, pinned, "--ignore-installed", "--no-deps")


@pytest.fixture(scope="module", params=[LOWEST, NEWEST], ids=["lowest", "newest"])
def python(request: pytest.FixtureRequest) -> Path:
    return python_of(request.param)


@contextlib.contextmanager
def serving(python: Path, tmp_path: Path) -> Iterator[Server]:
    # A size that is measured may be 1 on a busy machine: then no image waits.
    waiting = {"CLASSIFIER_MAX_BATCH_DELAY_MS": "3000", "CLASSIFIER_MAX_BATCH_SIZE": "8"}
    settings = {**TWO_WORKERS, **waiting}
    with (
        mock.patch("harness.servers.BENTOML", str(python.with_name("bentoml"))),
        running(toy_home(tmp_path), tmp_path, settings) as server,
    ):
        until(lambda: server.log.count("Completed async startup hook: start") == 2, 40, "started")
        yield server


@pytest.mark.slow
def test_the_sources_of_both_ends_are_those_it_was_written_against(python: Path) -> None:
    script = str(Path(__file__).with_name("sources.py"))
    done = subprocess.run([python, script], check=True, stdout=subprocess.PIPE)
    assert changed(json.loads(done.stdout)) == []


@pytest.mark.slow
def test_both_ends_notice_clients_bound_headers_balance_and_shut_down(
    python: Path, tmp_path: Path
) -> None:
    with serving(python, tmp_path) as server:
        assert "was not tried" not in server.log
        _check_header_bounds(server)
        _check_balancing(server)
        _check_that_a_client_that_leaves_is_noticed(server)
        _check_shutdown(server)


@pytest.mark.slow
def test_a_version_that_was_not_tried_serves_on_uvicorns_own_connections(tmp_path: Path) -> None:
    python = python_of({**NEWEST, "uvicorn": "0.29.0"})
    with serving(python, tmp_path) as server:
        assert "uvicorn 0.29.0 was not tried" in server.log
        _check_shutdown(server)


def _check_header_bounds(server: Server) -> None:
    with connected(server) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nx: " + b"x" * 70_000 + b"\r\n\r\n")
        assert one_response(client).startswith(b"HTTP/1.1 431 ")


def _check_balancing(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(server)) for _ in range(8)]
        ports = {client.getsockname()[1] for client in clients}

        def held() -> list[int]:
            return [len(client_ports(each) & ports) for each in workers(server)]

        until(lambda: held() == [4, 4], 10, "balanced")


def _check_that_a_client_that_leaves_is_noticed(server: Server) -> None:
    gone = {"endpoint": "/classify", "http_response_code": "499"}
    with connected(server) as client:
        client.sendall(CLASSIFY)
        until(lambda: metric(server, "image_classifier_pending_images") == 1, 10, "in flight")
    until(
        lambda: metric(server, "bentoml_service_request_total", **gone) == 1,
        2.5,
        "noticed before the batch",
    )


def _check_shutdown(server: Server) -> None:
    with connected(server) as client:
        client.sendall(CLASSIFY)
        until(lambda: metric(server, "image_classifier_pending_images") == 1, 10, "in flight")
        assert server.stop() == 0
        assert one_response(client).startswith(b"HTTP/1.1 200 ")
