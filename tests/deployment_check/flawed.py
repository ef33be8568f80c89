"""A server with one flaw: a proxy before a good one that spoils some of its answers."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.servers import free_port

_MOST_BYTES = 10**9
_OF_ONE_HOP = {"content-length", "content-encoding", "transfer-encoding", "connection", "host"}
_METHODS = ["GET", "POST"]


@dataclass(frozen=True)
class Asked:
    """A request."""

    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """The good server's answer, or a spoilt one."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def saying(self, content: Any, status: int | None = None) -> "Answer":
        return replace(self, body=json.dumps(content).encode(), status=status or self.status)


Flaw = Callable[[Asked, Answer], Answer]


@contextlib.contextmanager
def flawed(good_url: str, flaw: Flaw) -> Iterator[str]:
    """The URL of a server that is good but for a flaw."""
    with httpx.Client(base_url=good_url, timeout=30, verify=False) as client:

        def pass_on(asked: Asked, method: str) -> Answer:
            headers = {k: v for k, v in asked.headers.items() if k not in _OF_ONE_HOP}
            url = f"{asked.path}?{asked.query}" if asked.query else asked.path
            response = client.request(method, url, headers=headers, content=asked.body)
            kept = {k: v for k, v in response.headers.items() if k not in _OF_ONE_HOP}
            return flaw(asked, Answer(response.status_code, response.content, kept))

        async def endpoint(request: Request) -> Response:
            asked = Asked(request.url.path, request.url.query, request.headers, b"")
            if int(request.headers.get("content-length", 0)) > _MOST_BYTES:
                error = {"error": {"code": "body_too_large", "message": ""}}
                return _response(flaw(asked, Answer(413, b"").saying(error)))
            return _response(pass_on(replace(asked, body=await request.body()), request.method))

        app = Starlette(routes=[Route("/{path:path}", endpoint, methods=_METHODS)])
        with _served(app) as url:
            yield url


@contextlib.contextmanager
def _served(app: Starlette) -> Iterator[str]:
    port = free_port()
    config = uvicorn.Config(app, "127.0.0.1", port, log_level="error", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers))
