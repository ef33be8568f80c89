"""Request and Response: what the front door hands to an endpoint and gets back."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from errors import ClassifierError
from serving.request_head import media_type_of


class Request(NamedTuple):
    """A whole request.

    Attributes:
        content_type: as sent, with its parameters; empty if there was none.
        query: the query string, not decoded.
        body: all of it.
        deadline: ``time.monotonic()`` seconds by which it must be answered.
    """

    content_type: str
    query: str
    body: bytes
    deadline: float

    @property
    def media_type(self) -> str:
        """The content type in lower case, without parameters."""
        return media_type_of(self.content_type)


class Response(NamedTuple):
    """A response with its whole body."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    media_type: str = "application/json"
    headers: Mapping[str, str] = MappingProxyType({})

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers as ASGI sends them."""
        return [
            (b"content-type", self.media_type.encode()),
            (b"content-length", b"%d" % len(self.body)),
            *[(name.encode(), value.encode()) for name, value in self.headers.items()],
        ]


def json_response(
    content: Any,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """A response in UTF-8 JSON, with a line end for those who read it in a terminal."""
    body = orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
    return Response(body, status, headers=headers)


def error_response(error: ClassifierError) -> Response:
    """The response that tells a client of an error."""
    return json_response(error.envelope(), error.status, error.headers)
