"""A request's body and its response, between a client's bytes and an application."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.transport.http_request import HttpRequest, header_lines, request_behind
from tests.serving.transport.wire import connected, exchanged, until_done
from tests.support.gates import in_loop

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
CLOSE = (b"connection", b"close")
LENGTH = (b"content-length", b"2")


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(content: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


def sending(*messages: dict[str, Any]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def using(use: Callable[[HttpRequest], Awaitable[Any]], found: list[Any]) -> ASGIApp:
    """An application that uses its request, and leaves what it found."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = request_behind(receive)
        assert request is request_behind(send)
        assert request is not None
        found.append(await use(request))

    return app


def responding(*headers: tuple[bytes, bytes]) -> ASGIApp:
    async def respond(request: HttpRequest) -> None:
        await request.respond(200, header_lines([LENGTH, *headers]), b"hi")

    return using(respond, [])


@in_loop
async def test_a_whole_response_leaves_in_one_piece() -> None:
    wire = await exchanged(responding((b"x", b"y")), GET)
    expected = b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\nx: y\r\n\r\nhi"
    assert (wire.pieces, wire.closed) == ([expected], False)


@pytest.mark.parametrize("headers", [[CLOSE], []])
@pytest.mark.parametrize("asked", [b"connection: close\r\n\r\n", b"\r\n"])
@in_loop
async def test_the_connection_is_closed_if_either_side_wants_it(
    headers: list[tuple[bytes, bytes]], asked: bytes
) -> None:
    wire = await exchanged(responding(*headers), GET[:-2] + asked)
    closes = bool(headers) or b"close" in asked
    assert wire.written.count(b"connection: close\r\n") == closes
    assert wire.closed == closes


@in_loop
async def test_http_1_0_is_answered_and_closed() -> None:
    wire = await exchanged(sending(start(), body(b"hi")), b"GET / HTTP/1.0\r\n\r\n")
    assert wire.written.endswith(b"connection: close\r\n\r\nhi")
    assert wire.closed


@in_loop
async def test_a_response_in_parts_leaves_in_parts() -> None:
    parts = start((b"content-length", b"4")), body(b"hi", more=True), body(b"ho")
    wire = await exchanged(sending(*parts), GET)
    assert wire.written.endswith(b"content-length: 4\r\n\r\nhiho")
    assert wire.pieces[-1] == b"ho"


@in_loop
async def test_a_response_without_a_length_leaves_in_chunks() -> None:
    wire = await exchanged(sending(start(), body(b"hi")), GET)
    assert wire.written.endswith(b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")


@pytest.mark.parametrize("app", [sending(start(LENGTH), body(b"hi")), responding()])
@in_loop
async def test_a_response_to_a_head_has_no_body(app: ASGIApp) -> None:
    wire = await exchanged(app, HEAD)
    assert wire.written.endswith(b"content-length: 2\r\n\r\n")


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb"])
@in_loop
async def test_a_header_cannot_hold_another(value: bytes) -> None:
    wire = await exchanged(sending(start(LENGTH, (b"x", value)), body(b"hi")), GET)
    assert wire.written.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in wire.written


@pytest.mark.parametrize(
    ("messages", "written", "closed"),
    [
        ([], b"HTTP/1.1 500 ", False),
        ([body(b"hi")], b"HTTP/1.1 500 ", False),
        ([start(LENGTH), body(b"h", more=True)], b"HTTP/1.1 200 ", True),
        ([start(LENGTH), body(b"hi"), body(b"ho")], b"HTTP/1.1 200 ", False),
    ],
    ids=["nothing", "a body first", "a part", "more than all"],
)
@in_loop
async def test_an_application_that_fails_is_answered_for(
    messages: list[dict[str, Any]], written: bytes, closed: bool
) -> None:
    wire = await exchanged(sending(*messages), GET)
    assert wire.written.startswith(written)
    assert wire.written.count(b"HTTP/1.1 ") == 1
    assert wire.closed == closed


@in_loop
async def test_pieces_of_a_body_are_received_joined_and_once() -> None:
    found: list[Any] = []

    async def receive_all(request: HttpRequest) -> list[Any]:
        received = [await request.receive()]
        while received[-1]["more_body"]:
            received.append(await request.receive())
        return received

    connection, _ = connected(using(receive_all, found))
    connection.data_received(POST % 300_003 + b"a")
    connection.data_received(b"b" * 300_000)
    await asyncio.sleep(0)
    connection.data_received(b"cd")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [(len(each["body"]), each["more_body"]) for each in found[0]] == [
        (300_001, True),
        (2, False),
    ]


@in_loop
async def test_a_body_that_has_come_is_taken_without_waiting_and_once() -> None:
    found: list[Any] = []

    async def take(request: HttpRequest) -> list[Any]:
        return [request.whole_body(), request.whole_body()]

    await exchanged(using(take, found), POST % 3 + b"abc")
    await exchanged(using(take, found), POST % 3 + b"ab")
    assert found == [[b"abc", b""], [None, None]]


@in_loop
async def test_a_client_that_waits_to_be_told_to_send_its_body_is_told() -> None:
    found: list[Any] = []

    async def receive(request: HttpRequest) -> list[Any]:
        return [request.whole_body(), await request.receive()]

    expecting = POST[:-2] % 2 + b"expect: 100-continue\r\n\r\n"
    wire = await exchanged(using(receive, found), expecting, b"hi")
    assert wire.pieces[0] == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert found == [[None, {"type": "http.request", "body": b"hi", "more_body": False}]]


@in_loop
async def test_a_client_of_http_1_0_is_never_told_to_continue() -> None:
    found: list[Any] = []
    expecting = POST[:-2] % 2 + b"expect: 100-continue\r\n\r\n"
    receive = using(HttpRequest.receive, found)
    wire = await exchanged(receive, expecting.replace(b"1.1", b"1.0"), b"hi")
    assert found == [{"type": "http.request", "body": b"hi", "more_body": False}]
    assert b"100 Continue" not in wire.written


@in_loop
async def test_nothing_is_received_from_a_client_that_has_gone() -> None:
    found: list[Any] = []

    async def receive(request: HttpRequest) -> Any:
        await request.respond(200, b"", b"nobody reads this")
        return [request.whole_body(), await request.receive()]

    connection, wire = connected(using(receive, found))
    connection.data_received(POST % 2 + b"hi")
    connection.connection_lost(None)
    await asyncio.sleep(0)
    assert found == [[None, {"type": "http.disconnect"}]]
    assert wire.pieces == []


@pytest.mark.parametrize(
    "app", [sending(start(LENGTH), body(b"h", more=True), body(b"i")), responding()]
)
@in_loop
async def test_a_client_that_reads_slowly_is_waited_for(app: ASGIApp) -> None:
    connection, wire = connected(app)
    connection.data_received(GET)
    connection.pause_writing()
    await asyncio.sleep(0)
    assert wire.pieces == []
    connection.resume_writing()
    await until_done(connection)
    assert wire.pieces[-1].endswith(b"i")


@in_loop
async def test_a_request_is_found_behind_its_own_methods_only() -> None:
    async def wrapped(message: Any) -> None: ...

    assert request_behind(wrapped) is None
