"""How the front door sends responses: with more headers, and with errors in the envelope."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from starlette.middleware.cors import CORSMiddleware
from starlette.types import Message, Receive, Scope, Send

from errors import error_envelope
from serving.api.responses import Response, json_response
from serving.metrics.stages import RequestTimes
from serving.metrics.trace_context import TraceContext
from serving.transport.http_request import Header, header_lines, request_behind

CLIENT_GONE = 499
"""Status in metrics and logs if the client left before it was answered; nginx's number."""

REQUEST_ID = b"x-request-id"
TRACE_ID = b"x-trace-id"
SERVER_TIMING = b"server-timing"

_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    # Unless the response has a stricter one. BentoML's page would report to other hosts.
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        b"frame-ancestors 'none'",
    ),
]

_SECURITY_LINES = header_lines(_SECURITY_HEADERS)

# Headers that a page of another origin may read, and send.
_EXPOSED = b"retry-after, server-timing, x-request-id, x-trace-id"
_ALLOWED = [
    "authorization",
    "content-type",
    "x-api-key",
    "x-request-id",
    "x-deadline-ms",
    "traceparent",
]


class ResponseSender:
    """A ``send`` that adds headers to every response and remembers its status.

    Args:
        send: ASGI's.
        request_id: of the request.
        headers: more headers of this response.
        trace: of the client; None without one.

    Attributes:
        status: of the response, or CLIENT_GONE.
        has_begun: whether a response was begun.
        times: of the request.
        sends_timing: whether the response has a ``Server-Timing`` header.
    """

    def __init__(
        self,
        send: Send,
        request_id: bytes,
        headers: Iterable[Header],
        trace: TraceContext | None,
    ) -> None:
        self._send = send
        self._request = request_behind(send)
        self._headers = [(REQUEST_ID, request_id), *headers]
        if trace is not None:
            self._headers.append((TRACE_ID, trace.trace_id.encode()))
        self.request_id = request_id
        self.trace = trace
        self.status = CLIENT_GONE
        self.has_begun = False
        self.times = RequestTimes()
        self.sends_timing = False

    async def __call__(self, message: Message) -> None:
        """Pass one of ASGI's messages on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.has_begun = True
            own = list(message.get("headers", ()))
            named = {name for name, _ in own}
            security = [header for header in _SECURITY_HEADERS if header[0] not in named]
            headers = [*own, *self._headers, *security]
            message = {**message, "headers": headers}
        await self._send(message)

    async def respond(self, response: Response) -> None:
        """Send a whole response."""
        if self.sends_timing:
            self._headers.append((SERVER_TIMING, self.times.header()))
        if self._request is None:  # uvicorn's own protocol
            await send_response(response, self)
            return
        lines = header_lines([*response.raw_headers(), *self._headers]) + _SECURITY_LINES
        await self._request.respond(response.status, lines, response.body)
        if not self._request.client_is_gone:
            self.status, self.has_begun = response.status, True


class EnvelopeErrors:
    """A ``send`` that turns other applications' errors, in plain text, into the envelope."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        """Pass a message on, or the envelope for it."""
        if message["type"] == "http.response.start" and _is_plain_error(message):
            self._replaced = True
            status = HTTPStatus(message["status"])
            envelope = error_envelope(status.name.lower(), status.phrase)
            await send_response(json_response(envelope, status), self._send)
        elif not self._replaced:
            await self._send(message)


def _is_plain_error(start: Message) -> bool:
    if start["status"] < HTTPStatus.BAD_REQUEST:
        return False
    content_type: bytes = dict(start.get("headers", ())).get(b"content-type", b"")
    return not content_type.startswith(b"application/json")


async def send_response(response: Response, send: Send) -> None:
    """Send a response as ASGI's messages."""
    start = {"status": int(response.status), "headers": response.raw_headers()}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": response.body})


class CrossOrigin:
    """Which pages of other origins may ask from a browser. starlette answers the preflights.

    Args:
        origins: that may ask; ``*`` for all; none if empty.
    """

    def __init__(self, origins: list[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)
        self._preflight = CORSMiddleware(
            _nothing, origins, allow_methods=["GET", "POST"], allow_headers=_ALLOWED
        )

    def is_preflight(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a browser asks if a page may send a request."""
        asked = b"origin" in headers and b"access-control-request-method" in headers
        return asked and bool(self._origins) and scope["method"] == "OPTIONS"

    async def answer_preflight(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight."""
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
    """Never called: the middleware answers preflights itself."""
