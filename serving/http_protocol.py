"""HTTP as uvicorn speaks it, with bounds on what no application gets to see.

uvicorn neither times request headers nor bounds their size, and answers what is not HTTP in
plain text. BentoML starts it with the protocol of the name "auto"; :func:`install` has that
name mean the protocol below, which overrides callbacks of asyncio, httptools and uvicorn.

A client that has closed its side of the connection counts as gone, although it might still
listen: most that close it are, and their work is to be dropped.
"""

import asyncio
from functools import partial
from itertools import chain
from typing import Any, ClassVar

import uvicorn
from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from errors import ClassifierError, HeaderTimeout, HeaderTooLarge, InvalidRequest
from serving import exchange
from serving.exchange import CLOSE, Exchange, header_lines
from serving.heartbeat import Heartbeats
from serving.messages import error_response
from serving.request_metrics import OTHER, begin, end
from serving.spreading import Connections, Spreader, can_spread, running_server
from settings import current_settings

MAX_HEADER_BYTES = 65_536
"""Of the request line and all header lines: eight times what nginx takes by default."""

# Most photographs are smaller: their requests wake the application once.
_READ_AHEAD_BYTES = 262_144

# After a refusal what the client still sends is thrown away for so long: closing at once
# would reset the connection before the client has read the answer.
_LINGER_SECONDS = 1.0


def install() -> None:
    """Have uvicorn, where no other protocol is asked of it, use :class:`BoundedProtocol`."""
    HTTP_PROTOCOLS["auto"] = f"{BoundedProtocol.__module__}:{BoundedProtocol.__qualname__}"
    exchange.install()


def spread_connections(worker: int, heartbeats: Heartbeats | None) -> None:
    """Share the connections of all workers evenly, where that can be done.

    Args:
        worker: this one's number, counted from 0.
        heartbeats: of all workers; None where there is only this process.
    """
    server, connections = running_server(), Connections.inherited()
    if server and connections and heartbeats and can_spread(server):
        protocol = partial(
            _GivenProtocol,
            config=server.config,
            server_state=server.server_state,
            app_state=server.lifespan.state,
        )
        _GivenProtocol.of_worker = server
        BoundedProtocol.spreader = Spreader(worker, connections, heartbeats, protocol)


def take_no_more() -> None:
    """Leave new connections, and open ones between two requests, to the other workers."""
    if BoundedProtocol.spreader is not None:
        BoundedProtocol.spreader.leave()


class BoundedProtocol(HttpToolsProtocol):
    """One connection.

    The timer runs while the client owes something that nobody else times: the first request,
    the rest of a request's header, the rest of a body that was answered before it was read.
    Between requests uvicorn's keep-alive timer runs, and the front door times bodies.
    """

    spreader: ClassVar[Spreader | None] = None
    """Of this worker; None where it keeps every connection that it accepts."""

    _own = True
    """Whether it was accepted here: what another worker has just given is not given on."""
    _given_away = False
    _moved = False
    _timer: asyncio.TimerHandle | None = None
    _in_header = True
    """Between the end of one request's body and the end of the next one's header."""
    _in_request = False
    """Between the first byte of a request's header and the last one of its body."""
    _overhead = 0
    """Bytes received since the last header or piece of a body was complete."""
    _refused = False
    _problem: ClassifierError | None = None
    """Why the parser was stopped, if it was not for broken HTTP."""
    _running: RequestResponseCycle | None = None
    """The request that is being answered: of pipelined ones not the last that came."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        if isinstance(self.app, ProxyHeadersMiddleware):
            # For whom a proxy asks is of no interest here.
            self.app = self.app.app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect the first request, unless a worker with fewer connections is to have it."""
        if self.spreader is not None and self._own:
            self._given_away = self.spreader.give_away(transport)
            if self._given_away:
                return
            self.spreader.opened()
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        if self._given_away:
            return
        if self.spreader is not None and not self._moved:
            self.spreader.closed()
        self._got_it()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        for waiting, _ in self.pipeline:
            # It is never answered, and knows this: a circle, with the bodies in it.
            waiting.on_response = lambda: None
        super().connection_lost(exc)
        if isinstance(self._running, Exchange) and self._running.on_lost is not None:
            self._running.on_lost()

    def data_received(self, data: bytes) -> None:
        """Parse what has come, unless the connection is refused or becomes so."""
        if self._refused:
            return
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > MAX_HEADER_BYTES and not self._refused:
            self._refuse(_too_large())
        elif self._has_begun() and not self._refused:
            self._expect()

    def on_message_begin(self) -> None:
        """The first byte of a request has come."""
        self._in_request = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Hand the request to the application, unless its header is too large."""
        if self._overhead > MAX_HEADER_BYTES and self._header_bytes() > MAX_HEADER_BYTES:
            self._problem = _too_large()
            raise self._problem
        self._got_it()
        self._in_header = False
        self._overhead = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body; the application is woken by a large part, or the end."""
        self._overhead = 0
        cycle = self.cycle
        if not isinstance(cycle, Exchange) or cycle.response_complete:
            return
        if cycle.keep(body) > _READ_AHEAD_BYTES:
            self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        """The next that comes is a header."""
        self._got_it()
        self._in_header = True
        self._in_request = False
        self._overhead = 0
        super().on_message_complete()
        if not self._is_answering() and not self.transport.is_closing():
            # Answered before it was read: the keep-alive timer has been stopped by the rest.
            self._expect()

    def on_response_complete(self) -> None:
        """Expect the rest of a body that nobody waits for, or leave it to the keep-alive timer."""
        super().on_response_complete()
        if not self._in_header and not self.transport.is_closing():
            self._expect()
        if self.spreader is not None and self._is_idle() and self.spreader.is_uneven():
            # Not before the response is written.
            self.loop.call_soon(self._move, self.spreader)

    def send_400_response(self, msg: str) -> None:
        """The parser has given up."""
        self._refuse(self._problem or InvalidRequest("this is not HTTP as the service speaks it"))

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over: it ends with another protocol, which counts nothing."""
        self._got_it()
        self._in_request, self._in_header = True, False
        if self.spreader is not None:
            self.spreader.closed()
        super().handle_websocket_upgrade()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _header_bytes(self) -> int:
        text = sum(map(len, chain.from_iterable(self.headers)))
        return len(self.url) + text + len(b": \r\n") * len(self.headers)

    def _await_request(self) -> None:
        self._expect()

    def _expect(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(current_settings().header_timeout, self._missed)

    def _got_it(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _missed(self) -> None:
        self._timer = None
        if self._is_answering():
            # The client sends its next request early; it is timed anew behind this answer.
            self._expect()
        elif self._has_begun():
            message = f"the header did not arrive within {current_settings().header_timeout:g} s"
            self._refuse(HeaderTimeout(message))
        else:
            self.transport.close()

    def _move(self, spreader: Spreader) -> None:
        if self._is_idle() and not self.transport.get_write_buffer_size():
            self._moved = spreader.move(self.transport)

    def _is_idle(self) -> bool:
        """Whether the connection is between two requests, and nothing of the next has come."""
        is_busy = self._in_request or self._refused or self._is_answering()
        return not is_busy and not self.transport.is_closing()

    def _has_begun(self) -> bool:
        """Whether something of a header has come, but not all."""
        return self._in_header and (self._in_request or self._overhead > 0)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, error: ClassifierError) -> None:
        """Answer and close, but not into the answer to an earlier request."""
        if self.pipeline and self._running is not None:
            # The broken request waits for that of an earlier one, and is forgotten.
            self.pipeline.clear()
            self.cycle, self._in_header = self._running, True
        self._refused = True
        self._got_it()
        begin(OTHER)
        end(OTHER, error.status, 0.0)
        if not self._is_answering() or not (self._in_header or self.cycle.response_started):
            self._answer(error)
        elif self._in_header:
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    def _answer(self, error: ClassifierError) -> None:
        if self._is_answering():  # a request whose body is broken: it is over
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        response = error_response(error)
        lines = header_lines([*response.raw_headers(), CLOSE])
        self.transport.write(STATUS_LINE[error.status] + lines + b"\r\n" + response.body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(_LINGER_SECONDS, self.transport.close)


class _GivenProtocol(BoundedProtocol):
    """A connection that another worker has accepted."""

    of_worker: ClassVar[uvicorn.Server]
    _own = False

    def __init__(self, idle: bool, **config: Any) -> None:
        super().__init__(**config)
        self._idle = idle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect the first request, unless the server has closed its connections already."""
        super().connection_made(transport)
        if self.of_worker.should_exit:
            self.shutdown()

    def _await_request(self) -> None:
        if self._idle:
            # As uvicorn does behind a response.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            super()._await_request()


def _too_large() -> HeaderTooLarge:
    return HeaderTooLarge(f"the header is larger than the limit of {MAX_HEADER_BYTES} bytes")
