"""deploy/nginx/nginx.conf: a real nginx before a real service."""

import base64
import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.servers import PROJECT, free_port
from harness.toys import RED, encoded
from serving.transport.http_connection import MAX_HEADER_BYTES
from settings import Settings
from tests.support.tools import program

CONFIGURATION = (PROJECT / "deploy/nginx/nginx.conf").read_text()

# Where nginx would write what the test does not let it write elsewhere.
FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def directive(name: str) -> str:
    """The value of a directive that stands there once."""
    (value,) = re.findall(rf"^ *{name} (.+);$", CONFIGURATION, flags=re.MULTILINE)
    return str(value)


def test_its_limits_are_the_services() -> None:
    defaults = Settings()
    assert directive("client_max_body_size") == str(defaults.max_body_bytes)
    assert directive("client_header_timeout") == f"{defaults.header_timeout_ms / 1000:g}s"
    number, size = directive("large_client_header_buffers").split()
    assert int(number) * int(size.removesuffix("k")) * 1024 == MAX_HEADER_BYTES
    assert float(directive("proxy_read_timeout").removesuffix("s")) > defaults.deadline


@pytest.fixture(scope="module")
def proxy(served: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an nginx before the service."""
    assert served.base_url.port
    with before(served.base_url.port, tmp_path_factory.mktemp("nginx")) as port:
        yield port


@contextlib.contextmanager
def before(service: int, folder: Path) -> Iterator[int]:
    """The port of an nginx before a port, with a short timeout and small limits."""
    nginx = program("nginx", "nginx-light")
    port = free_port()
    paths = "".join(f"{name}_temp_path {folder / name};" for name in FOLDERS)
    changes = {
        "http {": f"http {{ access_log off; {paths}",
        "listen 8080": f"listen 127.0.0.1:{port}",
        "127.0.0.1:3000": f"127.0.0.1:{service}",
        "client_header_timeout 10s": "client_header_timeout 1s",
        "client_max_body_size 20000000": "client_max_body_size 100000",
        "limit_conn clients 64": "limit_conn clients 4",
    }
    text = CONFIGURATION
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    here = f"daemon off; error_log {folder / 'log'}; pid {folder / 'pid'}; {user}"
    with subprocess.Popen(
        [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", here]
    ) as process:
        try:
            wait_until_open(process, port, folder / "log")
            yield port
        finally:
            process.terminate()


def wait_until_open(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    while process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture
def client(proxy: int) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{proxy}", timeout=20) as client:
        yield client


def error_of(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/json"
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.slow
def test_requests_are_answered_as_without_it(client: httpx.Client) -> None:
    headers = {"x-request-id": "mine"}
    answer = client.post("/classify", files={"image": encoded(RED)}, headers=headers)
    assert (answer.status_code, answer.json()["label"]) == (200, "red")
    assert answer.headers["x-request-id"] == "mine"
    image = base64.b64encode(encoded(RED)).decode()
    assert len(client.post("/classify_batch", json={"images": [image] * 2}).json()["results"]) == 2
    assert client.get("/readyz").status_code == 200


@pytest.mark.slow
def test_errors_of_the_service_come_through(client: httpx.Client) -> None:
    answer = client.post("/classify", content=b"hello")
    assert error_of(answer) == (415, "unsupported_image")


@pytest.mark.slow
def test_errors_of_nginx_are_the_envelope(client: httpx.Client) -> None:
    too_large = client.post("/classify", content=bytes(100_001))
    assert error_of(too_large) == (413, "body_too_large")
    long_header = client.get("/health", headers={"x-pad": "x" * MAX_HEADER_BYTES})
    assert error_of(long_header) == (431, "header_too_large")
    garbage = client.get("/health", headers={"host": "a b"})
    assert error_of(garbage) == (400, "invalid_request")


@pytest.mark.slow
def test_a_service_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with before(free_port(), tmp_path) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/health")
    assert error_of(answer) == (503, "model_unavailable")


@pytest.mark.slow
def test_metrics_are_not_for_strangers(client: httpx.Client, served: httpx.Client) -> None:
    assert error_of(client.get("/metrics")) == (404, "not_found")
    assert served.get("/metrics").status_code == 200


@pytest.mark.slow
def test_a_header_that_trickles_in_is_ended(proxy: int) -> None:
    with socket.create_connection(("127.0.0.1", proxy), timeout=20) as connection:
        connection.sendall(b"POST /classify HTTP/1.1\r\nhost: x\r\n")
        assert connection.recv(1000) == b""


@pytest.mark.slow
def test_one_client_has_so_many_requests_at_a_time(served: httpx.Client, tmp_path: Path) -> None:
    begun = b"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n"
    assert served.base_url.port
    # An nginx of its own: none of another test's requests, just ending, counts here.
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(before(served.base_url.port, tmp_path))
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20))
        for _ in range(4):
            connection = socket.create_connection(("127.0.0.1", port), timeout=20)
            stack.enter_context(connection).sendall(begun)
        deadline = time.monotonic() + 10
        while (answer := client.get("/livez")).status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert error_of(answer) == (429, "overloaded")
