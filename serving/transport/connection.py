"""A client's TCP connection, without HTTP: back-pressure both ways, timers, and its end."""

import asyncio
from collections.abc import Callable

# After a refusal the client may go on sending. Its bytes are read and dropped within these bounds:
# to close at once would reset the connection before the client has read the answer.
LINGER_SECONDS = 1.0
BODY_LINGER_SECONDS = 10.0
_LINGER_BYTES = 50_000_000

# A client that has not read what was written to it within this long is cut off: its connection
# would hold memory, and delay the end of the worker, for ever.
UNREAD_SECONDS = 60.0


class Connection(asyncio.Protocol):
    """A connection that closes itself when it is idle, and after its last answer.

    Args:
        loop: the event loop.
        keep_alive_seconds: that it stays open without a request.

    Attributes:
        writable: to wait for before writing; None if there is nothing to wait for.
    """

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, keep_alive_seconds: float) -> None:
        self._loop = loop
        self._keep_alive_seconds = keep_alive_seconds
        self._timer: asyncio.TimerHandle | None = None
        # When the connection closes if no request begins; None while one is answered.
        self._idle_until: float | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        # Whether all further bytes are dropped, and how many were dropped so far.
        self._has_ended = False
        self._dropped = 0
        self._reading_paused = False
        self.writable: asyncio.Event | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Wait for a client that reads more slowly than the application writes."""
        self.writable = asyncio.Event()
        self._unread_timer = self._loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has caught up, or is gone."""
        if self._unread_timer is not None:
            self._unread_timer.cancel()
        if self.writable is not None:
            self.writable.set()
            self.writable = None

    def pause_reading(self) -> None:
        """Stop reading until the application has taken the received part of the body."""
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()

    def _wait_for_next_request(self) -> None:
        """Close the connection unless a request begins within the keep-alive time."""
        self._stop_timer()
        self._idle_until = self._loop.time() + self._keep_alive_seconds
        # To start a timer for each request would cost as much as to parse it.
        if self._idle_timer is None:
            self._idle_timer = self._loop.call_at(self._idle_until, self._close_if_idle)

    def _close_if_idle(self) -> None:
        self._idle_timer = None
        if self._idle_until is None:
            return
        if self._loop.time() < self._idle_until:
            self._idle_timer = self._loop.call_at(self._idle_until, self._close_if_idle)
        else:
            self.transport.close()

    def _linger(self, seconds: float) -> None:
        """Drop all further bytes, and close when the client does or after some seconds."""
        self._has_ended = True
        self.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._start_timer(seconds, self.transport.close)

    def _drop(self, data: bytes) -> None:
        self._dropped += len(data)
        if self._dropped > _LINGER_BYTES:
            self.transport.close()

    def _start_timer(self, seconds: float, callback: Callable[[], object]) -> None:
        self._stop_timer()
        self._timer = self._loop.call_later(seconds, callback)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        """Stop the timers and the wait to write: the client has gone."""
        self._stop_timer()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self.resume_writing()
