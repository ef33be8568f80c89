import asyncio

import pytest
from starlette.types import Message

from serving.api.requests import Request
from serving.api.responses import Response, json_response
from serving.api.routes import classify
from serving.health import Monitor
from serving.transport import request_bodies
from serving.transport.front_door import FrontDoor
from settings import Settings
from tests.serving.asgi import DISCONNECT, body, call, door_to, echo, scope


def test_a_body_in_pieces_is_put_together() -> None:
    sent = call(scope("/run"), body(b"ab", True), body(b"", True), body(b"cd"))
    assert sent[1]["body"] == b'"abcd"\n'


def test_a_body_of_just_the_limit_passes_and_one_byte_more_does_not() -> None:
    assert call(scope("/run"), body(b"0123456789"))[0]["status"] == 200
    assert call(scope("/run"), body(b"01234", True), body(b"567890"))[0]["status"] == 413


def test_an_announced_body_over_the_limit_is_refused_and_the_connection_closed() -> None:
    sent = call(scope("/run", content_length="11"), body(b"x"))
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]


@pytest.mark.parametrize("zeros", [1, 5000])
def test_zeros_before_a_length_mean_nothing(zeros: int) -> None:
    sent = call(scope("/run", content_length="0" * zeros + "2"), body(b"hi"))
    assert (sent[0]["status"], sent[1]["body"]) == (200, b'"hi"\n')


def test_a_client_that_leaves_while_sending_is_not_answered() -> None:
    assert call(scope("/run"), body(b"x", True), DISCONNECT) == []


def test_a_body_that_trickles_in_is_refused() -> None:
    settings = Settings(max_body_bytes=10, body_timeout_ms=50)
    sent = call(scope("/run"), body(b"x", True), settings=settings)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert b'"body_timeout"' in sent[1]["body"]


def test_a_body_is_not_read_when_the_model_cannot_classify_it() -> None:
    sent = call(scope("/run"), endpoint=classify)  # no body comes
    assert sent[0]["status"] == 503
    assert b"model_unavailable" in sent[1]["body"]


def test_bodies_of_all_requests_together_are_bounded_until_they_are_answered() -> None:
    settings = Settings(max_body_bytes=10, max_held_body_bytes=15)
    door = door_to(wait_for_others, settings)
    others.clear()

    async def run() -> list[int]:
        requests = [_status(door, b"x" * 9), _status(door, b"y" * 7), _status(door, b"z" * 6)]
        together = await asyncio.gather(*requests)
        return [*together, await _status(door, b"y" * 10)]

    assert asyncio.run(run()) == [200, 503, 200, 200]


@pytest.mark.parametrize(("seconds", "statuses"), [(0.0, [503, 200]), (60.0, [200, 503])])
def test_an_upload_that_stalls_makes_room_for_others(
    monkeypatch: pytest.MonkeyPatch, seconds: float, statuses: list[int]
) -> None:
    monkeypatch.setattr(request_bodies, "_STALLED_SECONDS", seconds)
    door = door_to(echo, Settings(max_body_bytes=10, max_held_body_bytes=15))

    async def run() -> list[int]:
        rest = asyncio.Event()
        stalled = asyncio.create_task(_status(door, b"x" * 8, rest))
        await asyncio.sleep(0)
        other = await _status(door, b"y" * 8)
        rest.set()
        return [await stalled, other, await _status(door, b"z" * 10)]

    assert asyncio.run(run()) == [*statuses, 200]


others: list[bytes] = []


async def wait_for_others(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """Answered when two of these have been read."""
    others.append(request.body)
    while len(others) < 2:
        await asyncio.sleep(0)
    return json_response(None)


async def _status(door: FrontDoor, content: bytes, rest: asyncio.Event | None = None) -> int:
    """Of a request with a body, whose end comes with the event."""
    statuses = []
    messages = [body(content, more_body=rest is not None)]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await (rest or asyncio.Event()).wait()
        return body(b"")

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await door(scope("/run"), receive, send)
    return int(statuses[0])
