"""What a connection keeps, and what it does when its client goes, over a wire in memory."""

import asyncio
import gc
import weakref
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from serving.api.requests import Request
from serving.api.responses import Response, json_response
from serving.health import Monitor
from serving.transport import connection as connection_module
from serving.transport.front_door import FrontDoor
from serving.transport.http_connection import HttpConnection
from settings import Settings
from tests.serving.asgi import Endpoint, door_to
from tests.serving.transport.wire import connected, until_done
from tests.support.gates import in_loop

HEAD = b"POST /run HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
CHUNKED = b"POST /run HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
LARGE = 400_000


def door(endpoint: Endpoint, **settings: Any) -> FrontDoor:
    return door_to(endpoint, Settings(**settings))


class Asked:
    """An endpoint that never answers, and knows what became of its requests."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, monitor: Monitor, settings: Settings, request: Request) -> Response:
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        raise AssertionError


async def echo_length(monitor: Monitor, settings: Settings, request: Request) -> Response:
    return json_response(len(request.body))


@pytest.mark.parametrize(
    "sent",
    [HEAD % LARGE + bytes(LARGE), HEAD % 1 + b"x" + HEAD % LARGE + b"its beginning"],
    ids=["a large body", "another request behind it"],
)
@in_loop
async def test_a_client_that_leaves_is_noticed(sent: bytes) -> None:
    asked = Asked()
    connection, wire = connected(door(asked))
    connection.data_received(sent)
    await asked.began.wait()
    assert wire.reads  # or nothing would tell that the client has gone
    wire.close()
    await asked.cancelled.wait()


@in_loop
async def test_a_large_body_waits_until_it_is_taken() -> None:
    connection, wire = connected(door(echo_length))
    connection.data_received(HEAD % LARGE)
    connection.data_received(bytes(LARGE - 1))
    assert not wire.reads
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert wire.reads
    connection.data_received(b"x")
    await until_done(connection)
    assert wire.written.endswith(b"\r\n\r\n400000\n")


@in_loop
async def test_a_body_that_is_too_large_is_refused_and_its_rest_dropped() -> None:
    connection, wire = connected(door(echo_length, max_body_bytes=3))
    connection.data_received(HEAD % 9 + b"1234")
    await until_done(connection)
    assert wire.written.startswith(b"HTTP/1.1 413 ")
    assert (wire.ended, wire.closed) == (True, False)
    connection.data_received(b"56789")  # the client may send all of it
    assert wire.written.count(b"HTTP/1.1 ") == 1
    wire.close()


@in_loop
async def test_a_body_without_end_is_not_dropped_for_ever() -> None:
    connection, wire = connected(door(echo_length, max_body_bytes=3))
    connection.data_received(CHUNKED + b"%x\r\n%b\r\n" % (LARGE, bytes(LARGE)))
    await until_done(connection)
    for _ in range(51):
        assert not wire.closed
        connection.data_received(bytes(1_000_000))
    assert wire.closed


@pytest.mark.parametrize("rest", [b"ZZ\r\n", b"0\r\nx: " + bytes(70_000)], ids=["broken", "large"])
@in_loop
async def test_a_body_that_breaks_behind_its_answer_gets_no_second_one(rest: bytes) -> None:
    connection, wire = connected(door(echo_length))
    connection.data_received(CHUNKED.replace(b"/run", b"/unknown"))
    await until_done(connection)
    assert wire.written.startswith(b"HTTP/1.1 404 ")
    connection.data_received(rest)
    assert wire.written.count(b"HTTP/1.1 ") == 1
    assert wire.ended
    wire.close()


@in_loop
async def test_a_trailer_is_no_header() -> None:
    connection, wire = connected(door(echo_length))
    connection.data_received(CHUNKED + b"4\r\nbody\r\n0\r\nx-request-id: forged\r\n\r\n")
    await until_done(connection)
    assert wire.written.startswith(b"HTTP/1.1 200 ")
    assert wire.written.endswith(b"\r\n\r\n4\n")
    assert b"forged" not in wire.written


HTTP_2 = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAM\r\n"
OFFERING = b"POST /run HTTP/1.1\r\nhost: x\r\n" + HTTP_2


@pytest.mark.parametrize(
    ("head", "content"),
    [
        (OFFERING + b"content-length: 3\r\n\r\n", b"abc"),
        (OFFERING + b"transfer-encoding: chunked\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n"),
        (OFFERING + b"content-length: 0\r\n\r\n", b""),
        (OFFERING + b"\r\n", b""),
        (OFFERING.replace(b"h2c", b"websocket") + b"content-length: 3\r\n\r\n", b"abc"),
    ],
    ids=["of a length", "in chunks", "empty", "without", "to a WebSocket"],
)
@pytest.mark.parametrize("size", [1, 1000], ids=["byte by byte", "at once"])
@in_loop
async def test_a_client_that_offers_another_protocol_is_answered_and_may_ask_again(
    head: bytes, content: bytes, size: int
) -> None:
    connection, wire = connected(door(echo_length))
    for sent in (head + content, HEAD % 2 + b"hi"):
        for start in range(0, len(sent), size):
            connection.data_received(sent[start : start + size])
        await until_done(connection)
    bodies = [piece.partition(b"\r\n\r\n")[2] for piece in wire.pieces]
    assert bodies == [b"3\n" if content else b"0\n", b"2\n"]
    assert not wire.closed


@in_loop
async def test_white_space_behind_a_header_is_no_part_of_it() -> None:
    found: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope["headers"])

    connection, _ = connected(app)
    connection.data_received(b"GET / HTTP/1.1\r\nx-api-key: a b \t \r\n\r\n")
    await until_done(connection)
    assert found == [[(b"x-api-key", b"a b")]]


@in_loop
async def test_a_client_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "UNREAD_SECONDS", 0.01)
    connection, wire = connected(door(echo_length))
    connection.pause_writing()
    connection.resume_writing()
    assert connection._unread_timer is not None
    assert connection._unread_timer.cancelled()
    connection.pause_writing()
    while not wire.aborted:
        await asyncio.sleep(0.01)


@in_loop
async def test_a_client_that_reads_nothing_gets_no_second_response() -> None:
    """Or its connection could fill the memory with responses."""
    connection, wire = connected(door(echo_length))
    await ask(connection)
    connection.pause_writing()
    connection.data_received(HEAD % 1 + b"x")
    for _ in range(5):
        await asyncio.sleep(0)
    assert wire.written.count(b"HTTP/1.1 ") == 1
    connection.resume_writing()
    await until_done(connection)
    assert wire.written.count(b"HTTP/1.1 ") == 2


@in_loop
async def test_a_refused_body_that_has_come_whole_is_not_waited_for() -> None:
    connection, wire = connected(door(echo_length, max_body_bytes=3))
    connection.data_received(CHUNKED + b"4\r\nbody\r\n0\r\n\r\n")
    await until_done(connection)
    assert wire.closed
    assert wire.pieces[0].startswith(b"HTTP/1.1 413 ")


@in_loop
async def test_an_application_learns_that_a_client_has_left() -> None:
    learnt = asyncio.Event()

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        learnt.set()

    connection, wire = connected(page)
    connection.data_received(HEAD % 1 + b"x" + HEAD % 1 + b"y")
    await asyncio.sleep(0)
    wire.close()
    await asyncio.wait_for(learnt.wait(), 5)


@in_loop
async def test_a_connection_that_was_lost_is_forgotten_with_its_body() -> None:
    gc.disable()
    try:
        asked = Asked()
        connection, wire = connected(door(asked))
        connection.data_received(HEAD % 1 + b"x")
        await asked.began.wait()
        wire.close()
        await asyncio.sleep(0)
        await until_done(connection)
        known = weakref.ref(connection)
        del connection
        await asyncio.sleep(0)
        assert known() is None
    finally:
        gc.enable()


@in_loop
async def test_at_the_end_an_idle_connection_closes_and_a_busy_one_behind_its_answer() -> None:
    idle, idle_wire = connected(door(echo_length))
    idle.shutdown()
    assert idle_wire.closed
    busy, busy_wire = connected(door(echo_length))
    busy.data_received(HEAD % 2 + b"x")
    await asyncio.sleep(0)
    busy.shutdown()
    assert not busy_wire.closed
    busy.data_received(b"y")
    await until_done(busy)
    assert b"connection: close\r\n" in busy_wire.written
    assert busy_wire.closed


@in_loop
async def test_a_body_that_was_refused_is_not_kept() -> None:
    piece = bytes(range(10))
    before = _lists_with(piece)
    connection, _ = connected(door(echo_length, body_timeout_ms=50))
    connection.data_received(HEAD % 99 + piece)
    await until_done(connection)
    assert _lists_with(piece) == before


def _lists_with(piece: bytes) -> int:
    return sum(isinstance(each, list) for each in gc.get_referrers(piece))


@in_loop
async def test_a_connection_closes_when_it_was_idle_since_its_last_answer() -> None:
    connection, wire = connected(door(echo_length))
    connection._keep_alive_seconds = 0.2
    await ask(connection)
    first = connection._idle_timer
    connection._keep_alive_seconds = 60.0
    await ask(connection)
    while connection._idle_timer is first:
        await asyncio.sleep(0.01)
    assert not wire.closed

    soon, soon_wire = connected(door(echo_length))
    soon._keep_alive_seconds = 0.01
    await ask(soon)
    while not soon_wire.closed:
        await asyncio.sleep(0.01)


async def ask(connection: HttpConnection) -> None:
    connection.data_received(HEAD % 1 + b"x")
    await until_done(connection)
