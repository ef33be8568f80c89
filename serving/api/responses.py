"""The response that an endpoint returns to the front door."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from errors import ClassifierError


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
    """A JSON response in UTF-8, with a final newline for terminals."""
    body = orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
    return Response(body, status, headers=headers)


def error_response(error: ClassifierError) -> Response:
    """The response for an error."""
    return json_response(error.envelope(), error.status, error.headers)
