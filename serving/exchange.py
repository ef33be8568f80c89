"""One request's body in and its response out, with as little work as they need.

uvicorn copies every piece of a body twice, has an application wait for what has long come, and
searches each header of a response for what may not stand there. Here the pieces are joined
once, a body that is whole is had at once, and a whole response leaves in one piece.
"""

from collections.abc import Callable, Iterable
from typing import Any

from starlette.types import Receive, Send
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

# What an object of Python takes beside its content: tiny pieces are mostly that.
_PIECE_BYTES = 64

Header = tuple[bytes, bytes]

CLOSE: Header = (b"connection", b"close")
"""In a response: the connection ends behind it."""


def header_lines(headers: Iterable[Header]) -> bytes:
    """Headers as they stand in a response; nobody looks for line breaks in their values."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


_CLOSE_LINE = header_lines([CLOSE])


class Exchange(RequestResponseCycle):
    """What uvicorn makes for every request, once :func:`install` was called.

    Attributes:
        on_lost: called once when the client goes away before it is answered; so no task need
            wait for that with every request.
    """

    on_lost: Callable[[], object] | None = None

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        # The front door logs requests. BentoML's handlers would have uvicorn make up a line
        # for each, which nobody sees.
        self.access_log = False
        self._pieces: list[bytes] = []
        self._held = 0

    def keep(self, piece: bytes) -> int:
        """Hold a piece of the body until it is received; returns the bytes that all take."""
        self._pieces.append(piece)
        self._held += _PIECE_BYTES + len(piece)
        return self._held

    def whole_body(self) -> bytes | None:
        """The body if all of it has come, and nobody is to be told to send it; only once."""
        if self.more_body or self.waiting_for_100_continue or self.disconnected:
            return None
        return self._taken()

    async def receive(self) -> Any:
        """What has come of the body, as ASGI's message."""
        message: Any = await super().receive()
        pieces = self._taken()
        if message["type"] == "http.request":
            message["body"] += pieces
        return message

    async def send(self, message: Any) -> None:
        """ASGI's message."""
        await super().send(message)
        if self.response_complete:
            self._taken()

    def respond(self, status: int, lines: bytes, body: bytes) -> bool:
        """Write a whole response in one piece.

        Args:
            status: of the response.
            lines: its header as :func:`header_lines` gives it, with the body's length.
            body: all of it.

        Returns:
            Whether it is written; what is unusual about it has to be sent as ASGI's messages.
        """
        if (
            self.response_started
            or self.disconnected
            or self.flow.write_paused
            or self.scope["method"] == "HEAD"
        ):
            return False
        self._taken()
        if _CLOSE_LINE in lines:
            self.keep_alive = False
        elif not self.keep_alive:
            lines += _CLOSE_LINE
        head = STATUS_LINE[status] + header_lines(self.default_headers) + lines
        self.transport.write(head + b"\r\n" + body)
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True

    def _taken(self) -> bytes:
        """What was kept of the body, and is no more."""
        pieces = b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        return pieces


def exchange_behind(asgi: Receive | Send) -> Exchange | None:
    """Whose ``receive`` or ``send`` it is; None if it is somebody else's who wrapped it."""
    owner = getattr(asgi, "__self__", None)
    return owner if isinstance(owner, Exchange) else None


def install() -> None:
    """Have uvicorn make an :class:`Exchange` for every request."""
    httptools_impl.RequestResponseCycle = Exchange  # type: ignore[misc]
