"""Request bodies: read whole, bounded in size and time."""

import asyncio
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from starlette.types import Receive

from errors import BodyTimeout, BodyTooLarge, Overloaded
from serving.transport.http_request import HttpRequest

# Until a worker that holds too many bytes of requests is likely to have room.
_RETRY_SECONDS = 1

# An upload that has not grown by one piece, of up to 256 KiB, for this long makes room for others.
_STALLED_SECONDS = 1.0

_CLOSE = {"connection": "close"}


class ClientGone(Exception):
    """The client has closed its connection."""


class HeldBodies:
    """The bodies that a worker holds, each from its first bytes until the answer.

    Attributes:
        held: bytes.
        uploads: bodies that are not complete, and ``time.monotonic()`` of when each has grown; the
            last one that has grown is at the end.

    Args:
        limit: bytes of all bodies together.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self.uploads: dict[HeldBody, float] = {}

    def make_room(self) -> None:
        """Stop uploads that stall, the longest first, until no more bytes are held than may be.

        Raises:
            Overloaded: there are too few of them.
        """
        stalled = time.monotonic() - _STALLED_SECONDS
        for upload, grown in list(self.uploads.items()):
            if self.held > self.limit and grown <= stalled:
                upload.stop()
        if self.held > self.limit:
            raise _no_room()


class HeldBody:
    """One body, held in the block of a ``with`` statement.

    Attributes:
        is_stopped: whether it stalled, and others needed its room.

    Args:
        bodies: all of them.
        limit: bytes that this one may have.
    """

    def __init__(self, bodies: HeldBodies, limit: int) -> None:
        self._bodies = bodies
        self._limit = limit
        self._size = 0
        self._cancel: Callable[[], object] | None = None
        self.is_stopped = False

    def expect(self, size: int) -> None:
        """Check the size that the client announces.

        Raises:
            BodyTooLarge: more bytes than the limit.
        """
        if size > self._limit:
            message = f"the body is larger than the limit of {self._limit} bytes"
            raise BodyTooLarge(message, headers=_CLOSE)

    def take(self, count: int) -> None:
        """Count received bytes. They stay counted even beyond the limit.

        Raises:
            BodyTooLarge: this body has more bytes than its limit.
            Overloaded: all bodies together have more than theirs.
        """
        self._size += count
        self._bodies.held += count
        self.expect(self._size)
        if self._bodies.uploads.pop(self, None):
            self._bodies.uploads[self] = time.monotonic()
        if self._bodies.held > self._bodies.limit:
            self._bodies.make_room()

    def begin_upload(self, cancel: Callable[[], object]) -> None:
        """Let it be stopped, by calling ``cancel``, while it arrives."""
        self._cancel = cancel
        self._bodies.uploads[self] = time.monotonic()

    def end_upload(self) -> None:
        """It is complete, or never will be."""
        self._bodies.uploads.pop(self, None)

    def stop(self) -> None:
        """Make room for others."""
        assert self._cancel is not None
        self.is_stopped = True
        self.end_upload()
        self._release()
        self._cancel()

    def _release(self) -> None:
        self._bodies.held -= self._size
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._release()


async def read_body(
    headers: Mapping[bytes, bytes],
    receive: Receive,
    request: HttpRequest | None,
    held: HeldBody,
    seconds: float,
) -> bytes:
    """The whole body, whether or not its length was announced.

    Args:
        headers: of the request.
        receive: ASGI's.
        request: that ``receive`` belongs to; None with uvicorn's own protocol.
        held: counts the bytes as they arrive.
        seconds: that the body may take to arrive.

    Raises:
        BodyTooLarge: more bytes than the limit, announced or arrived.
        Overloaded: the worker holds too many bytes, or this body stalls and others need its room.
        BodyTimeout: the body was not complete in time.
        ClientGone: the client left.
    """
    # int() takes no more than 4300 digits.
    held.expect(int(headers.get(b"content-length", b"").lstrip(b"0") or 0))
    whole = request.whole_body() if request else None
    if whole is not None:
        held.take(len(whole))
        return whole
    task = asyncio.current_task()
    assert task is not None
    # wait_for() would make another task for every request.
    timer = asyncio.get_running_loop().call_later(seconds, task.cancel)
    held.begin_upload(task.cancel)
    try:
        return await _read(receive, held)
    except asyncio.CancelledError:
        if held.is_stopped:
            raise _no_room() from None
        if timer.when() > asyncio.get_running_loop().time():
            raise
        message = f"the body did not arrive within {seconds:g} s"
        raise BodyTimeout(message, headers=_CLOSE) from None
    finally:
        held.end_upload()
        timer.cancel()


def _no_room() -> Overloaded:
    message = "the service holds as many bytes of requests as it may"
    return Overloaded(message, retry_after=_RETRY_SECONDS)


async def _read(receive: Receive, held: HeldBody) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        held.take(len(chunk))
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
