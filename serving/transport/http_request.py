"""One request on a connection: receives its body, and sends its response."""

import asyncio
import logging
import re
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools
from starlette.types import ASGIApp, Receive, Scope, Send

from errors import InternalError
from serving.api.responses import error_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.transport.http_connection import HttpConnection

logger = logging.getLogger("image_classifier.http")

Header = tuple[bytes, bytes]

# Memory of a bytes object beside its content: most of the memory of tiny pieces.
_PIECE_BYTES = 64

# Most photographs are smaller, and so wake the application once.
_READ_AHEAD_BYTES = 262_144

_CLOSE_LINE = b"connection: close\r\n"
_CHUNKED_LINE = b"transfer-encoding: chunked\r\n"
_NO_BODY = (204, 304)

# A header of another application must not inject a second one.
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


@lru_cache(128)
def status_line(status: int) -> bytes:
    """The first line."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:  # one that has no name
        phrase = ""
    return f"HTTP/1.1 {int(status)} {phrase}\r\n".encode()


def header_lines(headers: Iterable[Header]) -> bytes:
    """The lines of headers. Values with line breaks are not looked for: there must be none."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def connection_scope(transport: asyncio.Transport) -> Scope:
    """The part of ASGI's scope that is the same for all requests on a connection."""
    ends = (transport.get_extra_info(end) for end in ("sockname", "peername"))
    # A Unix socket's address is no tuple.
    server, client = (end[:2] if isinstance(end, tuple) else None for end in ends)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "scheme": "https" if transport.get_extra_info("sslcontext") else "http",
        "server": server,
        "client": client,
        "root_path": "",
    }


def request_scope(parser: httptools.HttpRequestParser, target: bytes) -> Scope:
    """The part of ASGI's scope that the request line gives."""
    url = httptools.parse_url(target)
    path = url.path.decode("ascii")
    return {
        "method": parser.get_method().decode("ascii"),
        "path": unquote(path) if "%" in path else path,
        "raw_path": url.path,
        "query_string": url.query or b"",
    }


class HttpRequest:
    """A request that an ASGI application answers.

    Args:
        scope: ASGI's.
        connection: that received it.
        date_header: a line of every response.
        keep_alive: whether the client wants to keep the connection.
        expects_continue: whether the client waits for ``100 Continue`` before it sends the body.

    Attributes:
        more_body: whether a part of the body is missing.
        keep_alive: whether the connection stays open after the response.
        is_pipelined: whether the client has sent more before it got the response.
        has_begun_answer: whether some of the response is written.
        is_answered: whether all of it is.
        client_is_gone: whether the client has left before it was answered.
        on_client_gone: called once when that happens, so that no task has to wait for it.
    """

    def __init__(
        self,
        scope: Scope,
        connection: "HttpConnection",
        *,
        date_header: bytes,
        keep_alive: bool,
        expects_continue: bool,
    ) -> None:
        self.scope = scope
        self.more_body = True
        self.keep_alive = keep_alive
        self.is_pipelined = False
        self.has_begun_answer = False
        self.is_answered = False
        self.client_is_gone = False
        self.on_client_gone: Callable[[], object] | None = None
        self._connection = connection
        self._date_header = date_header
        self._expects_continue = expects_continue
        self._pieces: list[bytes] = []
        self._held = 0
        self._arrival = asyncio.Event()
        # Of a response that is sent as ASGI's messages.
        self._head: bytes | None = None
        self._is_chunked = False

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            logger.exception("%s %r failed", self.scope["method"], self.scope["path"])
        finally:
            self._finish()

    # The body

    def keep(self, piece: bytes) -> None:
        """Hold a piece of the body until it is taken."""
        self._pieces.append(piece)
        self._held += _PIECE_BYTES + len(piece)
        if self._held > _READ_AHEAD_BYTES:
            self._connection.pause_reading()
            self._arrival.set()

    def complete_body(self) -> None:
        """The body is complete."""
        self.more_body = False
        self._arrival.set()

    def lose_client(self) -> None:
        """The client has left."""
        if self.is_answered or self.client_is_gone:
            return
        self.client_is_gone = True
        self._arrival.set()
        if self.on_client_gone is not None:
            self.on_client_gone()

    def whole_body(self) -> bytes | None:
        """Take the body without waiting; None if it is not complete."""
        if self.more_body or self._expects_continue or self.client_is_gone:
            return None
        return self._take()

    async def receive(self) -> Any:
        """ASGI's: wait for the next part of the body, or for the client to leave."""
        if self._expects_continue and not self._connection.transport.is_closing():
            self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._expects_continue = False
        if not self.client_is_gone and not self.is_answered:
            self._connection.resume_reading()
            await self._arrival.wait()
            self._arrival.clear()
        if self.client_is_gone or self.is_answered:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self._take(), "more_body": self.more_body}

    def stop_reading(self) -> None:
        """Read no more of the body until the response is sent."""
        self._connection.pause_reading()

    # The response

    async def respond(self, status: int, lines: bytes, body: bytes) -> None:
        """Write a whole response in one piece, once the client has read those before.

        Args:
            status: of the response.
            lines: its header, with the body's length.
            body: all of it; not sent if the request was a HEAD.
        """
        if (writable := self._connection.writable) is not None:
            await writable.wait()
        self._respond(status, lines, body)

    async def send(self, message: Any) -> None:
        """ASGI's: write a response in parts.

        Raises:
            RuntimeError: a header has a control character, or the message is out of turn.
        """
        if (writable := self._connection.writable) is not None:
            await writable.wait()
        if self.client_is_gone:
            return
        is_start = message["type"] == "http.response.start"
        if is_start != (self._head is None) or self.is_answered:
            raise RuntimeError(f"{message['type']} is out of turn")
        if is_start:
            self._head = self._checked_head(message["status"], list(message.get("headers", ())))
            return
        more = message.get("more_body", False)
        content = self._framed(message.get("body", b""), more)
        if not self.has_begun_answer:
            assert self._head is not None
            self.has_begun_answer = True
            content = self._head + content
        self._connection.transport.write(content)
        if not more:
            self._complete()

    def _respond(self, status: int, lines: bytes, body: bytes) -> None:
        if not self.client_is_gone:
            content = b"" if self.scope["method"] == "HEAD" else body
            self._connection.transport.write(self._begin(status, lines) + content)
            self._complete()

    def _checked_head(self, status: int, headers: list[Header]) -> bytes:
        if any(_CONTROL.search(part) for header in headers for part in header):
            raise RuntimeError("a header of the response holds a control character")
        lines = header_lines([(name.lower(), value) for name, value in headers])
        has_length = b"content-length: " in lines
        has_body = self.scope["method"] != "HEAD" and status not in _NO_BODY
        if has_body and not has_length:
            if self.scope["http_version"] == "1.0":
                self.keep_alive = False
            else:
                self._is_chunked = True
                lines += _CHUNKED_LINE
        return self._begin(status, lines, has_begun=False)

    def _begin(self, status: int, lines: bytes, *, has_begun: bool = True) -> bytes:
        self.has_begun_answer = has_begun
        self._expects_continue = False
        if _CLOSE_LINE in lines:
            self.keep_alive = False
        elif not self.keep_alive or self._connection.balancer.should_close():
            self.keep_alive = False
            lines += _CLOSE_LINE
        return status_line(status) + self._date_header + lines + b"\r\n"

    def _framed(self, body: bytes, more: bool) -> bytes:
        if self.scope["method"] == "HEAD":
            return b""
        if not self._is_chunked:
            return body
        chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        return chunk if more else chunk + b"0\r\n\r\n"

    def _complete(self) -> None:
        self.is_answered = True
        self._forget_body()
        self._arrival.set()
        self._connection.answered(self)

    def _finish(self) -> None:
        """Answer for an application that has failed, or close a response that is cut short."""
        if self.is_answered or self.client_is_gone:
            return
        if self.has_begun_answer:
            self._connection.transport.close()
        else:
            response = error_response(InternalError("internal error"))
            self._respond(response.status, header_lines(response.raw_headers()), response.body)

    def _take(self) -> bytes:
        """The received part of the body, which is held no longer."""
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._forget_body()
        return body

    def _forget_body(self) -> None:
        self._pieces.clear()
        self._held = 0


def request_behind(asgi: Receive | Send) -> HttpRequest | None:
    """The request whose ``receive`` or ``send`` this is; None if it is wrapped, or uvicorn's."""
    owner = getattr(asgi, "__self__", None)
    return owner if isinstance(owner, HttpRequest) else None
