"""Cross-origin requests: which pages may ask from a browser."""

from collections.abc import Mapping

from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from serving.transport.http_request import Header
from serving.transport.responses import EnvelopeErrors

_EXPOSED = b"retry-after, server-timing, x-request-id, x-trace-id"
_ALLOWED = [
    "authorization",
    "content-type",
    "x-api-key",
    "x-request-id",
    "x-deadline-ms",
    "traceparent",
]


class CrossOrigin:
    """The rules for some origins. starlette answers the preflights.

    Args:
        origins: that may ask; ``*`` for all; none if empty.
    """

    def __init__(self, origins: list[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)
        self._preflight = CORSMiddleware(
            _nothing, origins, allow_methods=["GET", "POST"], allow_headers=_ALLOWED
        )

    def is_preflight(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a browser asks what a page may ask."""
        asked = b"origin" in headers and b"access-control-request-method" in headers
        return asked and bool(self._origins) and scope["method"] == "OPTIONS"

    async def answer_preflight(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer such a request."""
        await self._preflight(scope, receive, EnvelopeErrors(send))

    def headers(self, request: Mapping[bytes, bytes]) -> list[Header]:
        """The headers with which a page may read the response to a request."""
        is_open = b"*" in self._origins
        vary = [(b"vary", b"Origin")] if self._origins and not is_open else []
        origin = request.get(b"origin")
        if origin is None or not (is_open or origin in self._origins):
            return vary
        allowed = (b"access-control-allow-origin", b"*" if is_open else origin)
        return [allowed, (b"access-control-expose-headers", _EXPOSED), *vary]


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """No request comes behind a preflight."""
