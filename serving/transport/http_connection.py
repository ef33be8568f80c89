"""One client's connection: parses HTTP requests and hands each to the application.

httptools parses. This protocol adds what an application cannot do: it bounds headers in time and
size, answers bytes that are not HTTP with the error envelope, and notices at once that a client
leaves. A client that has closed its side of the connection counts as gone.

Pipelined requests are not answered: the connection is closed after the answer to the first one.
"""

import asyncio
from itertools import chain
from typing import Any, ClassVar

import httptools

from errors import ClassifierError, HeaderTimeout, HeaderTooLarge, InvalidRequest
from serving.api.responses import error_response
from serving.metrics.requests import OTHER, begin, end
from serving.transport.balancing import Balancer
from serving.transport.connection import BODY_LINGER_SECONDS, LINGER_SECONDS, Connection
from serving.transport.http_request import (
    HttpRequest,
    connection_scope,
    header_lines,
    request_scope,
    status_line,
)
from settings import current_settings

MAX_HEADER_BYTES = 65_536
"""Of the request line and all header lines: eight times nginx's default."""

# Headers that say where a body ends.
_FRAMING = (b"content-length", b"transfer-encoding")


class HttpConnection(Connection):
    """One connection. uvicorn's server makes it and ends it.

    Between two requests the keep-alive timer runs. The header timer runs while the first request,
    the rest of a header, or the rest of a body that was answered early is missing. The front door
    times all other bodies.

    Args:
        config: uvicorn's: the application and the keep-alive time.
        server_state: uvicorn's: the open connections, the running tasks, the date header.
        app_state: of the application's lifespan.
        _loop: the event loop; uvicorn passes it by this name.
    """

    balancer: ClassVar[Balancer] = Balancer()
    """Of this worker."""

    def __init__(
        self,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(_loop or asyncio.get_running_loop(), config.timeout_keep_alive)
        self._app = config.loaded_app
        self._server_state = server_state
        self._app_state = app_state
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._request: HttpRequest | None = None
        self._header_seconds = current_settings().header_timeout_ms / 1000
        self._default_headers: list[tuple[bytes, bytes]] = []
        self._default_lines = b""
        self._in_header = True
        # Bytes since the last header or piece of a body was complete.
        self._overhead = 0
        self._refusal: ClassifierError | None = None

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        self.transport = transport
        self._server_state.connections.add(self)
        self._connection_scope = connection_scope(transport)
        self._start_timer(self._header_seconds, self._header_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that its client has gone."""
        self._server_state.connections.discard(self)
        self.balancer.closed()
        self._end()
        request, self._request = self._request, None
        self._parser = None  # it refers to this connection
        if request is not None:
            request.lose_client()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        if self._has_ended:
            self._drop(data)
            return
        request = self._request
        if request is not None and not (request.is_answered or request.more_body):
            self._close_after_answer()
            return
        self._idle_until = None
        self._overhead += len(data)
        self._parse(data)
        if self._has_ended:
            return
        if self._overhead > MAX_HEADER_BYTES:
            self._refuse(_too_large())
        elif self._in_header and self._overhead and self._timer is None:
            self._start_timer(self._header_seconds, self._header_is_late)

    # What the parser calls

    def on_message_begin(self) -> None:
        """Expect a header, unless an earlier request still waits for its answer."""
        if not self._in_header:
            return  # of a body that was skipped
        if self._is_answering():
            raise _PipelinedRequest
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects_continue = False

    def on_url(self, url: bytes) -> None:
        """Add a piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; drop trailers, which come behind a body in chunks (RFC 9110, 6.5.1)."""
        if not self._in_header:
            return
        name, value = name.lower(), value.rstrip(b" \t")
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects_continue = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Start the application, unless the header is too large."""
        if not self._in_header:
            return  # of a body that was skipped
        if self._overhead > MAX_HEADER_BYTES and self._header_bytes() > MAX_HEADER_BYTES:
            self._refusal = _too_large()
            raise self._refusal
        assert self._parser is not None
        version = self._parser.get_http_version()
        request = HttpRequest(
            {
                **self._connection_scope,
                **request_scope(self._parser, self._url),
                "http_version": version,
                "headers": self._headers,
                "state": self._app_state.copy(),
            },
            self,
            date_header=self._date_header(),
            keep_alive=version != "1.0" and self._parser.should_keep_alive(),
            # RFC 9110, 10.1.1.
            expects_continue=self._expects_continue and version != "1.0",
        )
        self._stop_timer()
        self._in_header = False
        self._overhead = 0
        self._request = request
        task = self._loop.create_task(request.run(self._app))
        tasks: set[asyncio.Task[None]] = self._server_state.tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body; drop it if the request is answered already."""
        self._overhead = 0
        if self._is_answering():
            assert self._request is not None
            self._request.keep(body)

    def on_message_complete(self) -> None:
        """Expect the next header."""
        assert self._parser is not None
        if self._parser.should_upgrade():
            return  # the parser has skipped the body
        self._in_header = True
        self._overhead = 0
        # A connection that is not read does not notice that its client leaves.
        self.resume_reading()
        if self._is_answering():
            assert self._request is not None
            self._request.complete_body()
        else:
            self._wait_for_next_request()

    # What a request calls

    def answered(self, request: HttpRequest) -> None:
        """Close the connection after an answer, or wait for the next request."""
        self._server_state.total_requests += 1
        self.resume_reading()
        if self.transport.is_closing() or self._has_ended:
            return
        if request.keep_alive:
            if request.more_body:
                self._start_timer(self._header_seconds, self.transport.close)
            else:
                self._wait_for_next_request()
        elif request.more_body:
            self._linger(BODY_LINGER_SECONDS)
        elif request.is_pipelined:
            self._linger(LINGER_SECONDS)
        else:
            self.transport.close()

    # What the server calls

    def shutdown(self) -> None:
        """Close now, or after the answer that is due."""
        if self._is_answering():
            assert self._request is not None
            self._request.keep_alive = False
        else:
            self.transport.close()

    def _parse(self, data: bytes) -> None:
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # The service speaks no other protocol, and answers the request like any other.
            self._begin_skipped_body()
            self._parse(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if self._is_answering() and self._in_header:
                self._close_after_answer()
            else:
                not_http = InvalidRequest("this is not HTTP as the service speaks it")
                self._refuse(self._refusal or not_http)

    def _begin_skipped_body(self) -> None:
        """Read the body that httptools skips if a client offers HTTP/2, as Java's clients do."""
        framing = header_lines(each for each in self._headers if each[0] in _FRAMING)
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")

    def _header_bytes(self) -> int:
        text = sum(map(len, chain.from_iterable(self._headers)))
        return len(self._url) + text + len(b": \r\n") * len(self._headers)

    def _is_answering(self) -> bool:
        return self._request is not None and not self._request.is_answered

    def _date_header(self) -> bytes:
        """The lines of uvicorn's default headers, which it renews each second."""
        if self._server_state.default_headers is not self._default_headers:
            self._default_headers = self._server_state.default_headers
            self._default_lines = header_lines(self._default_headers)
        return self._default_lines

    def _header_is_late(self) -> None:
        self._timer = None
        if self._overhead:
            self._refuse(
                HeaderTimeout(f"the header did not arrive within {self._header_seconds:g} s")
            )
        else:
            self.transport.close()

    def _refuse(self, error: ClassifierError) -> None:
        """Answer bytes that are no request with an error, and end the connection.

        A request that was answered before the end of its body gets no second answer.
        """
        if self._request is not None and self._request.is_answered and self._request.more_body:
            self._linger(LINGER_SECONDS)
            return
        begin(OTHER)
        end(OTHER, error.status, 0.0)
        request = self._request if self._is_answering() else None
        if request is not None:  # its body is broken
            request.lose_client()
        if request is None or not request.has_begun_answer:
            response = error_response(error)
            lines = header_lines([*response.raw_headers(), (b"connection", b"close")])
            self.transport.write(status_line(error.status) + lines + b"\r\n" + response.body)
        self._linger(LINGER_SECONDS)

    def _close_after_answer(self) -> None:
        """Drop all further bytes, and close the connection after the answer that is due."""
        if self._request is not None:
            self._request.keep_alive = False
            self._request.is_pipelined = True


class _PipelinedRequest(Exception):
    """A request has begun before the one before it was answered."""


def _too_large() -> HeaderTooLarge:
    return HeaderTooLarge(f"the header is larger than the limit of {MAX_HEADER_BYTES} bytes")
