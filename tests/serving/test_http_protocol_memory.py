"""What a connection keeps, and does when its client goes, over a wire in memory."""

import asyncio
import gc
import weakref
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from serving import exchange
from serving.front_door import FrontDoor
from serving.health import Monitor
from serving.http_protocol import BoundedProtocol
from serving.messages import Request, Response, json_response
from settings import Settings
from tests.serving.asgi import Endpoint, door_to, scope
from tests.serving.wire import Wire
from tests.support.gates import in_loop

HEAD = b"POST /run HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
LARGE = 400_000


def door(endpoint: Endpoint, **settings: Any) -> FrontDoor:
    return door_to(endpoint, Settings(**settings))


def connected(app: ASGIApp) -> tuple[BoundedProtocol, Wire]:
    """A connection, in the running event loop."""
    exchange.install()
    config = Config(app, log_config=None)
    config.load()
    protocol, wire = BoundedProtocol(config, ServerState(), {}), Wire()
    protocol.connection_made(wire)
    return protocol, wire


def leave(protocol: BoundedProtocol, wire: Wire) -> None:
    wire.close()
    protocol.connection_lost(None)


async def the_end_of_its_tasks(protocol: BoundedProtocol) -> None:
    while protocol.tasks:
        await asyncio.sleep(0)


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
async def test_who_leaves_is_noticed(sent: bytes) -> None:
    asked = Asked()
    protocol, wire = connected(door(asked))
    protocol.data_received(sent)
    await asked.began.wait()
    assert wire.reads  # or nothing would tell that the client has gone
    leave(protocol, wire)
    await asked.cancelled.wait()


@in_loop
async def test_a_body_that_is_too_large_and_has_come_whole_is_not_waited_for() -> None:
    protocol, wire = connected(door(echo_length, max_body_bytes=3))
    protocol.data_received(b"POST /run HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    await asyncio.sleep(0)  # its task waits
    protocol.data_received(b"4\r\nbody\r\n0\r\n\r\n")
    await asyncio.wait_for(the_end_of_its_tasks(protocol), 5)
    assert wire.closed
    assert wire.pieces[0].startswith(b"HTTP/1.1 413 ")


@in_loop
async def test_an_application_learns_that_a_client_with_another_request_behind_has_left() -> None:
    learnt = asyncio.Event()

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        learnt.set()

    protocol, wire = connected(page)
    protocol.data_received(HEAD % 1 + b"x" + HEAD % 1 + b"y")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    leave(protocol, wire)
    await asyncio.wait_for(learnt.wait(), 5)


@in_loop
async def test_a_connection_that_was_lost_is_forgotten_with_what_waited_in_it() -> None:
    gc.disable()
    try:
        asked = Asked()
        protocol, wire = connected(door(asked))
        protocol.data_received(HEAD % 1 + b"x" + HEAD % 1 + b"y")
        await asked.began.wait()
        assert protocol.pipeline
        leave(protocol, wire)
        await the_end_of_its_tasks(protocol)
        known = weakref.ref(protocol)
        del protocol
        await asyncio.sleep(0)
        assert known() is None
    finally:
        gc.enable()


class Other(asyncio.Protocol):
    """Another protocol than HTTP."""

    def __init__(self, **given: Any) -> None:
        pass


@in_loop
async def test_nothing_is_timed_on_a_connection_that_speaks_another_protocol() -> None:
    protocol, wire = connected(door(echo_length))
    protocol.ws_protocol_class = Other
    protocol.data_received(
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    )
    assert isinstance(wire.get_protocol(), Other)
    assert protocol._timer is None


@in_loop
async def test_a_body_that_was_refused_is_not_kept_while_its_rest_is_thrown_away() -> None:
    pieces = [bytes(range(10))]
    piece = pieces[0]
    before, held = _lists_with(piece), list[int]()
    answered = asyncio.Event()

    async def receive() -> Message:
        if pieces:
            return {"type": "http.request", "body": pieces.pop(), "more_body": True}
        await answered.wait()  # the body stalls
        held.append(_lists_with(piece))
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answered.set()

    await door(echo_length, body_timeout_ms=50)(scope("/run"), receive, send)
    assert held == [before - 1]  # nor is it among those that are to come


def _lists_with(piece: bytes) -> int:
    return sum(isinstance(each, list) for each in gc.get_referrers(piece))
