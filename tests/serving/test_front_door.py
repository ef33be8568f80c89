"""What the front door does that a well-behaved client never sees."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Message, Receive, Scope, Send

from serving.front_door import FrontDoor
from serving.health import Monitor
from serving.messages import Request, Response, json_response
from settings import Settings

Endpoint = Callable[[Monitor, Settings, Request], Awaitable[Response]]

SETTINGS = Settings(max_body_bytes=10)


async def echo(monitor: Monitor, settings: Settings, request: Request) -> Response:
    return json_response(request.body.decode())


async def fail(monitor: Monitor, settings: Settings, request: Request) -> Response:
    raise ValueError("a secret of the service")


async def bentoml_page(scope: Scope, receive: Receive, send: Send) -> None:
    status = 503 if scope["path"] == "/readyz" else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"plain text"})


def scope(path: str, method: str = "POST", **headers: str) -> Scope:
    return {
        "type": "http",
        "path": path,
        "method": method,
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()],
    }


def call(
    request: Scope,
    *messages: Message,
    endpoint: Endpoint = echo,
    monitor: Callable[[], Monitor | None] = Monitor,
) -> list[Message]:
    """What is sent for a request; after its messages the client waits for the answer."""
    sent: list[Message] = []
    waiting = list(messages)

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    door = FrontDoor(bentoml_page, {"/run": {"POST": endpoint}}, SETTINGS, monitor)
    asyncio.run(door(request, receive, send))
    return sent


def body(content: bytes, more_body: bool = False) -> Message:
    return {"type": "http.request", "body": content, "more_body": more_body}


DISCONNECT: Message = {"type": "http.disconnect"}


def test_a_body_in_pieces_is_put_together() -> None:
    sent = call(scope("/run"), body(b"ab", True), body(b"", True), body(b"cd"))
    assert sent[1]["body"] == b'"abcd"'


def test_a_body_of_just_the_limit_passes_and_one_byte_more_does_not() -> None:
    assert call(scope("/run"), body(b"0123456789"))[0]["status"] == 200
    assert call(scope("/run"), body(b"01234", True), body(b"567890"))[0]["status"] == 413


def test_an_announced_body_over_the_limit_is_refused_and_the_connection_closed() -> None:
    sent = call(scope("/run", content_length="11"), body(b"x"))
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert [message.get("more_body") for message in sent[1:]] == [True, False]


def test_the_rest_of_a_refused_body_is_read_so_that_the_client_sees_the_answer() -> None:
    unread = [body(b"x" * 100, True), body(b"x" * 100)]
    messages = [body(b"x" * 100, True), *unread]
    assert call(scope("/run"), *messages)[-1]["more_body"] is False


def test_an_unexpected_error_is_500_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    sent = call(scope("/run"), body(b""), endpoint=fail)
    assert sent[0]["status"] == 500
    assert b"secret" not in sent[1]["body"]
    assert "a secret of the service" in caplog.text


def test_a_client_that_leaves_while_sending_is_not_answered() -> None:
    assert call(scope("/run"), body(b"x", True), DISCONNECT) == []


def test_the_work_of_a_client_that_leaves_is_cancelled() -> None:
    cancelled = []

    async def wait(monitor: Monitor, settings: Settings, request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        raise AssertionError

    assert call(scope("/run"), body(b""), DISCONNECT, endpoint=wait) == []
    assert cancelled == [True]


def test_an_error_of_bentomls_pages_is_in_the_envelope() -> None:
    sent = call(scope("/readyz", "GET"))
    assert len(sent) == 2
    assert sent[0]["status"] == 503
    assert sent[1]["body"] == (
        b'{"error":{"code":"service_unavailable","message":"Service Unavailable"}}'
    )


def test_bentomls_pages_pass() -> None:
    sent = call(scope("/livez", "GET"))
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"plain text")


def test_bentoml_sees_neither_unknown_paths_nor_other_methods() -> None:
    assert call(scope("/unknown", "GET"))[0]["status"] == 404
    assert call(scope("/livez", "POST"))[0]["status"] == 405


def test_before_the_service_has_started_it_is_unavailable() -> None:
    seen: list[str] = []

    async def look(monitor: Monitor, settings: Settings, request: Request) -> Response:
        seen.append(monitor.health().status)
        return json_response({})

    call(scope("/run"), body(b""), endpoint=look, monitor=lambda: None)
    assert seen == ["unavailable"]
