"""Requests as the front door lets them through, and responses as they leave."""

import asyncio
import re
import time
from unittest import mock

import pytest
from starlette.types import Receive, Scope, Send

from errors import Overloaded
from serving.api.requests import Request
from serving.api.responses import Response, json_response
from serving.health import Monitor
from serving.transport.pacing import Pacer
from settings import AccessLog, Settings
from tests.serving.asgi import bentoml_page, body, call, door_to, echo, fail, scope
from tests.serving.transport.wire import connected, exchanged, until_done
from tests.support.gates import in_loop


def test_an_unexpected_error_is_500_whose_text_can_be_found_in_the_log_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = call(scope("/run", x_request_id="find-me"), body(b""), endpoint=fail)
    assert sent[0]["status"] == 500
    assert b"secret" not in sent[1]["body"]
    assert b"find-me" in sent[1]["body"]
    assert "a secret of the service" in caplog.text
    assert "find-me" in caplog.text


@in_loop
async def test_an_error_behind_a_part_of_the_response_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise ValueError("a secret of the service")

    door = door_to(echo, app=page)
    wire = await exchanged(door, b"GET /livez HTTP/1.1\r\nx-request-id: find-me\r\n\r\n")
    assert wire.written.endswith(b"\r\n\r\n4\r\npart\r\n")
    assert wire.closed
    assert [record.getMessage() for record in caplog.records] == ["GET '/livez' failed (find-me)"]


REQUEST = b"POST /run HTTP/1.1\r\nx-request-id: 1\r\ncontent-length: 4\r\n\r\n"


@in_loop
async def test_a_response_leaves_in_one_piece() -> None:
    wire = await exchanged(door_to(echo), REQUEST + b"body")
    (piece,) = wire.pieces
    head, _, content = piece.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[:5] == [
        b"HTTP/1.1 200 OK",
        b"date: today",
        b"content-type: application/json",
        b"content-length: 7",
        b"x-request-id: 1",
    ]
    assert b"\r\nx-content-type-options: nosniff\r\n" in head
    assert content == b'"body"\n'


@in_loop
async def test_a_response_to_a_page_of_another_origin_leaves_in_one_piece_too() -> None:
    settings = Settings(cors_origins="https://page.test")
    asked = REQUEST[:-2] + b"origin: https://page.test\r\n\r\n"
    (piece,) = (await exchanged(door_to(echo, settings), asked + b"body")).pieces
    assert b"\r\naccess-control-allow-origin: https://page.test\r\n" in piece
    assert b"\r\nvary: Origin\r\n" in piece


@in_loop
async def test_nothing_is_done_for_a_client_that_left_with_its_last_byte() -> None:
    connection, wire = connected(door_to(fail))
    connection.data_received(REQUEST + b"body")
    connection.connection_lost(None)
    await until_done(connection)
    assert wire.pieces == []


def test_an_error_of_bentomls_pages_is_in_the_envelope() -> None:
    sent = call(scope("/readyz", "GET"))
    assert len(sent) == 2
    assert sent[0]["status"] == 503
    assert sent[1]["body"] == (
        b'{"error":{"code":"service_unavailable","message":"Service Unavailable"}}\n'
    )


def test_bentomls_pages_pass() -> None:
    sent = call(scope("/livez", "GET"))
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"plain text")


def test_a_page_gets_no_header_that_bentoml_would_log() -> None:
    found: list[tuple[bytes, bytes]] = []

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        found.extend(scope["headers"])
        await bentoml_page(scope, receive, send)

    call(scope("/livez", "GET", baggage="spam", tracestate="spam", accept="*/*"), app=page)
    assert found == [(b"accept", b"*/*")]


def test_bentoml_sees_neither_unknown_paths_nor_other_methods() -> None:
    assert call(scope("/unknown", "GET"))[0]["status"] == 404
    assert call(scope("/livez", "POST"))[0]["status"] == 405


def test_before_the_service_has_started_it_is_unavailable() -> None:
    seen: list[str] = []

    async def look(monitor: Monitor, settings: Settings, request: Request) -> Response:
        seen.append(monitor.health().status)
        return json_response({})

    call(scope("/run"), body(b""), endpoint=look, monitor=lambda: None)
    assert seen == ["unhealthy"]


@pytest.mark.parametrize("given", [b"abc-1.2_3", b"x" * 128])
def test_a_request_id_comes_back(given: bytes) -> None:
    sent = call(scope("/run", x_request_id=given.decode()), body(b""))
    assert (b"x-request-id", given) in sent[0]["headers"]


@pytest.mark.parametrize("given", ["", "a b", "a\nb", "ä", "x" * 129])
def test_a_request_id_that_no_log_can_bear_is_replaced(given: str) -> None:
    request = scope("/run")
    request["headers"].append((b"x-request-id", given.encode("latin-1")))
    sent = call(request, body(b""))
    (request_id,) = [value for name, value in sent[0]["headers"] if name == b"x-request-id"]
    assert re.fullmatch(rb"[0-9a-f]{32}", request_id)


def test_responses_forbid_sniffing_and_frames() -> None:
    headers = call(scope("/livez", "GET"))[0]["headers"]
    assert (b"x-content-type-options", b"nosniff") in headers
    assert (b"x-frame-options", b"DENY") in headers


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        *((None, 9.9, 10), ("500", 0.4, 0.5), ("999999999999", 9.9, 10)),
        ("0" * 12 + "500", 0.4, 0.5),
    ],
)
def test_a_client_may_shorten_its_deadline_but_not_stretch_it(
    asked: str | None, least: float, most: float
) -> None:
    left: list[float] = []

    async def look(monitor: Monitor, settings: Settings, request: Request) -> Response:
        left.append(request.deadline - time.monotonic())
        return json_response({})

    headers = {} if asked is None else {"x_deadline_ms": asked}
    call(scope("/run", **headers), body(b""), endpoint=look)
    assert least <= left[0] <= most


async def overloaded(monitor: Monitor, settings: Settings, request: Request) -> Response:
    raise Overloaded("4 images are waiting, for about 7.0 s", retry_after=7)


@in_loop
async def test_a_refusal_for_want_of_room_waits_for_its_turn_within_the_deadline() -> None:
    patience: list[float] = []

    def wait(pacer: Pacer, seconds: float) -> float:
        patience.append(seconds)
        return 0.02

    connection, wire = connected(door_to(overloaded))
    with mock.patch.object(Pacer, "wait", wait):
        connection.data_received(REQUEST[:-2] + b"x-deadline-ms: 40\r\n\r\nbody")
        while not patience:
            await asyncio.sleep(0)
        assert not wire.reads  # what is left of the body is not kept meanwhile
        await until_done(connection)
    assert patience == [0.04]
    assert wire.reads
    assert wire.written.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 7\r\n" in wire.written


@pytest.mark.parametrize("asked", ["0", "-1", "1.5", "soon", "²"])
def test_an_invalid_deadline_is_refused(asked: str) -> None:
    request = scope("/run")
    request["headers"].append((b"x-deadline-ms", asked.encode("latin-1")))
    sent = call(request, body(b""))
    assert sent[0]["status"] == 422


def test_the_access_log_has_no_unknown_paths(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "image_classifier.access")
    settings = Settings(access_log=AccessLog.HUMAN)
    call(scope("/run", x_request_id="one"), body(b""), settings=settings)
    call(scope("/run\nforged line", "GET", x_request_id="two"), settings=settings)
    first, second = (record.getMessage() for record in caplog.records)
    assert re.fullmatch(r"POST /run 200 \d+\.\d ms one", first)
    assert re.fullmatch(r"GET other 404 \d+\.\d ms two", second)


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("request_id", "expected"), [(None, TRACE), ("mine", "mine"), ("not safe\n", TRACE)]
)
def test_a_trace_gives_the_request_its_id_and_is_named(
    request_id: str | None, expected: str
) -> None:
    headers = {} if request_id is None else {"x_request_id": request_id}
    request = scope("/run", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01", **headers)
    found = dict(call(request, body(b""))[0]["headers"])
    assert found[b"x-request-id"] == expected.encode()
    assert found[b"x-trace-id"] == TRACE.encode()


def test_without_a_trace_none_is_named() -> None:
    found = dict(call(scope("/run", traceparent="none"), body(b""))[0]["headers"])
    assert b"x-trace-id" not in found
