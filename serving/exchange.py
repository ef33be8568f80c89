"""One request's body in and its response out, with as little work as they need.

uvicorn copies every piece of a body twice and searches each header of a response for what may
not stand there. Here the pieces are joined once, and a whole response leaves in one piece;
what is less simple is left to uvicorn.
"""

from typing import Any

from starlette.types import Message
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

# What an object of Python takes beside its content: tiny pieces are mostly that.
_PIECE_BYTES = 64


class Exchange(RequestResponseCycle):
    """What uvicorn makes for every request, once :func:`install` was called."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        # The front door logs requests. BentoML's handlers would have uvicorn make up a line
        # for each, which nobody sees.
        self.access_log = False
        self._pieces: list[bytes] = []
        self._held = 0
        self._start: Any = None

    def keep(self, piece: bytes) -> int:
        """Hold a piece of the body until it is received; returns the bytes that all take."""
        self._pieces.append(piece)
        self._held += _PIECE_BYTES + len(piece)
        return self._held

    async def receive(self) -> Any:
        """What has come of the body, as ASGI's message."""
        message: Any = await super().receive()
        if message["type"] == "http.request":
            message["body"] += b"".join(self._pieces)
        self._forget()
        return message

    async def send(self, message: Any) -> None:
        """ASGI's message; the start of a response waits for its body."""
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start and (response := self._whole(start, message)):
            self._write(response)
            return
        if start:
            await super().send(start)
        await super().send(message)
        if self.response_complete:
            self._forget()

    def _whole(self, start: Message, message: Message) -> bytes | None:
        """The response, if this is all of it and nothing about it is unusual."""
        headers = [*self.default_headers, *start.get("headers", ())]
        fields = dict(headers)
        body = message.get("body", b"")
        if not self._is_simple(message) or fields.get(b"content-length") != b"%d" % len(body):
            return None
        if fields.get(b"connection") == b"close":
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append((b"connection", b"close"))
        head = STATUS_LINE[start["status"]] + b"".join(b"%b: %b\r\n" % each for each in headers)
        # A line break in a value would begin a header of its own, or worse.
        return head + b"\r\n" + body if head.count(b"\n") == 1 + len(headers) else None

    def _is_simple(self, message: Message) -> bool:
        return not (
            message.get("more_body", False)
            or self.scope["method"] == "HEAD"
            or self.disconnected
            or self.flow.write_paused
        )

    def _forget(self) -> None:
        self._pieces.clear()
        self._held = 0

    def _write(self, response: bytes) -> None:
        self._forget()
        self.transport.write(response)
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def install() -> None:
    """Have uvicorn make an :class:`Exchange` for every request."""
    httptools_impl.RequestResponseCycle = Exchange  # type: ignore[misc]
