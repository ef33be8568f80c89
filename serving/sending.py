"""What leaves by the front door: statuses remembered, headers added, errors in the envelope."""

from collections.abc import Callable, Iterable
from http import HTTPStatus

from starlette.types import Message, Send

from errors import error_envelope
from serving.exchange import CLOSE, Header, exchange_behind, header_lines
from serving.messages import Response, json_response

CLIENT_GONE = 499
"""Status in metrics and logs, as nginx counts it: nobody was there to be answered."""

REQUEST_ID = b"x-request-id"

_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    # BentoML's page would have the browser report to others.
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        b"frame-ancestors 'none'",
    ),
]


_SECURITY_LINES = header_lines(_SECURITY_HEADERS)


class Recorder:
    """A ``send`` that gives every response its request id and remembers its status.

    Args:
        send: ASGI's.
        request_id: of the request.
        closing: whether the connection is to end with this response.

    Attributes:
        status: of the response, or CLIENT_GONE.
        started: whether a response was begun.
    """

    def __init__(self, send: Send, request_id: bytes, closing: Callable[[], bool]) -> None:
        self._send = send
        self._exchange = exchange_behind(send)
        self._closing = closing
        self.request_id = request_id
        self.status = CLIENT_GONE
        self.started = False

    async def __call__(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.started = True
            headers = self._headers(message.get("headers", ()))
            message = {**message, "headers": headers + _SECURITY_HEADERS}
        await self._send(message)

    async def respond(self, response: Response) -> None:
        """Send a whole response, in one piece where that can be done."""
        lines = header_lines(self._headers(response.raw_headers())) + _SECURITY_LINES
        if self._exchange and self._exchange.respond(response.status, lines, response.body):
            self.status, self.started = response.status, True
        else:
            await send_response(response, self)

    def _headers(self, given: Iterable[Header]) -> list[Header]:
        headers = [*given, (REQUEST_ID, self.request_id)]
        if self._closing() and CLOSE not in headers:
            headers.append(CLOSE)
        return headers


class EnvelopeErrors:
    """A ``send`` that turns errors of others, in plain text, into the envelope."""

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


async def send_response(response: Response, send: Send, *, more_body: bool = False) -> None:
    """Send a response; with ``more_body`` it stays open."""
    await send(
        {
            "type": "http.response.start",
            "status": int(response.status),
            "headers": response.raw_headers(),
        }
    )
    await send({"type": "http.response.body", "body": response.body, "more_body": more_body})
