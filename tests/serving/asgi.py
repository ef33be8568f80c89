"""A front door called as an ASGI server would call it."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.requests import Request
from serving.api.responses import Response, json_response
from serving.health import Monitor
from serving.transport.front_door import FrontDoor
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


def door_to(
    endpoint: Endpoint,
    settings: Settings = SETTINGS,
    monitor: Callable[[], Monitor | None] = Monitor,
    app: ASGIApp = bentoml_page,
) -> FrontDoor:
    """A front door with one route, ``POST /run``, and an application that answers pages."""
    return FrontDoor(app, {"/run": {"POST": endpoint}}, settings, monitor)


def call(
    request: Scope,
    *messages: Message,
    endpoint: Endpoint = echo,
    monitor: Callable[[], Monitor | None] = Monitor,
    settings: Settings = SETTINGS,
    app: ASGIApp = bentoml_page,
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

    door = door_to(endpoint, settings, monitor, app)
    asyncio.run(_run(door, request, receive, send))
    return sent


async def _run(app: ASGIApp, request: Scope, receive: Receive, send: Send) -> None:
    await app(request, receive, send)


def body(content: bytes, more_body: bool = False) -> Message:
    return {"type": "http.request", "body": content, "more_body": more_body}


DISCONNECT: Message = {"type": "http.disconnect"}
