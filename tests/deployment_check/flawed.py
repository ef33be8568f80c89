"""A server with one flaw: a proxy before a good one that spoils some of its answers."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.apps import served

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
        with served(app) as url:
            yield url


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers))
