"""What comes before a request is one, over raw sockets."""

import contextlib
import itertools
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from harness.servers import Server, metric, running, toy_home
from harness.toys import RED, encoded
from serving.transport.http_connection import MAX_HEADER_BYTES
from tests.serving.raw import REQUEST, connected, one_response

pytestmark = pytest.mark.slow

HEADER_SECONDS = 1.0
FORM = b"POST /classify HTTP/1.1\r\nhost: x\r\n"
IMAGE = encoded(RED)
OFFER = b"connection: upgrade\r\nupgrade: h2c\r\n"
GOOD = FORM + b"content-length: %d\r\n\r\n" % len(IMAGE) + IMAGE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("http_protocol")
    settings = {
        "CLASSIFIER_WORKERS": "1",
        "CLASSIFIER_HEADER_TIMEOUT_MS": f"{1000 * HEADER_SECONDS:.0f}",
    }
    with running(toy_home(folder), folder, settings) as server:
        yield server


@pytest.fixture
def connection(server: Server) -> Iterator[socket.socket]:
    with connected(server) as connection:
        yield connection


def rest(connection: socket.socket) -> bytes:
    """Everything until the server closes."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def refusal(response: bytes) -> tuple[str, dict[str, Any]]:
    """The status line and the error of the one response, behind which the server closes."""
    header, _, body = response.partition(b"\r\n\r\n")
    status, *lines = header.decode().split("\r\n")
    assert {"content-type: application/json", "connection: close"} <= set(lines)
    assert f"content-length: {len(body)}" in lines
    return status.removeprefix("HTTP/1.1 "), json.loads(body)["error"]


def trickle(connection: socket.socket, pieces: Iterator[bytes]) -> bytes:
    """Send a piece now and then until the server answers; everything it says."""
    connection.settimeout(0.02)
    for piece in pieces:
        connection.sendall(piece)
        with contextlib.suppress(TimeoutError):
            first = connection.recv(1)
            connection.settimeout(20)
            return first + rest(connection)
    raise AssertionError("the pieces ended first")


def send_for_ever(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


def counted(server: Server, status: int) -> float:
    labels = {"endpoint": "other", "http_response_code": str(status)}
    return metric(server, "bentoml_service_request_total", **labels)


@pytest.mark.parametrize(
    ("sent", "more"),
    [
        (FORM, b"x"),
        (FORM + b"x-long: ", b"x"),
        (FORM, b"x: y\r\n"),
        (b"\r\n", b"\r\n"),
        (b"G", b""),
    ],
    ids=["name", "value", "lines", "empty lines", "silence"],
)
def test_a_header_that_trickles_in_is_ended(
    server: Server, connection: socket.socket, sent: bytes, more: bytes
) -> None:
    before = counted(server, 408)
    pieces = itertools.chain([sent], itertools.repeat(more))
    status, error = refusal(trickle(connection, pieces))
    assert status == "408 Request Timeout"
    assert error == {
        "code": "header_timeout",
        "message": f"the header did not arrive within {HEADER_SECONDS:g} s",
    }
    assert counted(server, 408) == before + 1


def test_a_later_header_that_trickles_in_is_ended_too(connection: socket.socket) -> None:
    connection.sendall(REQUEST)
    assert one_response(connection).startswith(b"HTTP/1.1 200 ")
    status, _ = refusal(trickle(connection, itertools.chain([FORM], itertools.repeat(b"x"))))
    assert status == "408 Request Timeout"


def test_a_connection_without_a_request_is_closed_without_a_word(connection: socket.socket) -> None:
    assert rest(connection) == b""


def test_a_connection_may_be_idle_for_longer_between_two_requests(
    connection: socket.socket,
) -> None:
    for seconds in (2 * HEADER_SECONDS, 0):
        connection.sendall(REQUEST)
        assert one_response(connection).startswith(b"HTTP/1.1 200 ")
        time.sleep(seconds)


def test_the_time_of_a_body_is_not_that_of_a_header(connection: socket.socket) -> None:
    connection.sendall(GOOD[: -len(IMAGE)])
    for piece in (IMAGE[:10], IMAGE[10:20], IMAGE[20:]):
        time.sleep(HEADER_SECONDS / 2)
        connection.sendall(piece)
    assert one_response(connection).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_trickles_in_after_its_answer_is_ended(connection: socket.socket) -> None:
    connection.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n\r\n")
    assert one_response(connection).startswith(b"HTTP/1.1 200 ")
    with pytest.raises(ConnectionError):
        send_for_ever(connection)


def test_the_largest_header_is_taken(connection: socket.socket) -> None:
    padding = MAX_HEADER_BYTES - len("/healthhost: x\r\nx-pad: \r\n")
    connection.sendall(REQUEST[:-2] + b"x-pad: " + b"x" * padding + b"\r\n\r\n")
    assert one_response(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent",
    [
        REQUEST[:-2] + b"x-pad: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\n",
        REQUEST[:-2] + b"x-pad: " + b"x" * MAX_HEADER_BYTES,
        REQUEST[:-2] + b"x: y\r\n" * (MAX_HEADER_BYTES // 4) + b"\r\n",
        b"GET /" + b"x" * MAX_HEADER_BYTES + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=["line", "endless line", "lines", "target"],
)
def test_a_header_that_is_too_large_is_refused(
    server: Server, connection: socket.socket, sent: bytes
) -> None:
    before = counted(server, 431)
    connection.sendall(sent)
    status, error = refusal(rest(connection))
    assert status == "431 Request Header Fields Too Large"
    assert error == {
        "code": "header_too_large",
        "message": f"the header is larger than the limit of {MAX_HEADER_BYTES} bytes",
    }
    assert counted(server, 431) == before + 1


@pytest.mark.parametrize("begin", [b"0\r\nx-trailer: ", b"1;x="], ids=["trailer", "extension"])
def test_trailers_and_chunk_extensions_are_bounded(connection: socket.socket, begin: bytes) -> None:
    connection.sendall(FORM + b"transfer-encoding: chunked\r\n\r\n" + begin)
    status, error = refusal(trickle(connection, itertools.repeat(b"x" * 10_000)))
    assert status == "431 Request Header Fields Too Large"
    assert error["code"] == "header_too_large"


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        FORM + b"content-length: x\r\n\r\n",
        FORM + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
        FORM + b"transfer-encoding: chunked\r\n\r\nnonsense\r\n",
        FORM + OFFER + b"transfer-encoding: chunked\r\n\r\nnonsense\r\n",
    ],
    ids=[
        "text",
        "TLS",
        "HTTP/2",
        "no colon",
        "length",
        "two lengths",
        "chunk",
        "chunk of an offer",
    ],
)
def test_bytes_that_are_not_http_get_the_error_envelope(
    connection: socket.socket, sent: bytes
) -> None:
    connection.sendall(sent)
    assert refusal(rest(connection)) == (
        "400 Bad Request",
        {"code": "invalid_request", "message": "this is not HTTP as the service speaks it"},
    )


@pytest.mark.parametrize(
    "sent",
    [
        GOOD + b"nonsense\r\n",
        GOOD + FORM + b"transfer-encoding: chunked\r\n\r\nnonsense\r\n",
        REQUEST + REQUEST,
        REQUEST[:-2] + OFFER + b"\r\n\x81\x05hello",
        FORM + OFFER + GOOD.removeprefix(FORM) + GOOD,
    ],
    ids=["nonsense", "a broken request", "pipelined", "another protocol", "pipelined to an offer"],
)
def test_whatever_follows_a_request_it_is_answered_once_and_the_connection_closed(
    connection: socket.socket, sent: bytes
) -> None:
    connection.sendall(sent)
    response = rest(connection)
    assert response.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in response
    assert response.count(b"HTTP/1.1 ") == 1


def test_silent_connections_do_not_block_other_clients(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connected(server)).sendall(FORM)
        assert httpx.post(server.url + "/classify", content=IMAGE).status_code == 200
    assert "Traceback" not in server.log


def test_an_idle_connection_is_closed_after_a_body_that_was_dropped(
    connection: socket.socket,
) -> None:
    connection.sendall(b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n")
    assert one_response(connection).startswith(b"HTTP/1.1 404 ")
    connection.sendall(b"hello")
    assert rest(connection) == b""
