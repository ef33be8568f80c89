"""Request bodies: read whole, bounded in size and time."""

import asyncio
import contextlib
from collections.abc import Mapping
from types import TracebackType

from starlette.types import Receive, Send
from typing_extensions import Self

from errors import BodyTimeout, BodyTooLarge, Overloaded
from serving.exchange import Exchange, exchange_behind
from serving.messages import Response
from serving.sending import send_response

# After an early refusal the rest of the body is read and thrown away, within bounds:
# closing at once would reset the connection before the client has read the answer.
_LINGER_SECONDS = 10.0
_LINGER_BYTES = 50_000_000

# Of large requests that others had no room beside.
_RETRY_SECONDS = 1

_CLOSE = {"connection": "close"}


class ClientGone(Exception):
    """Nobody is there to be answered."""


class HeldBodies:
    """The bodies that a worker holds at a time, from their first bytes until the answer.

    Attributes:
        held: bytes.

    Args:
        limit: bytes of all together.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0


class HeldBody:
    """One of them, in the block of a ``with`` statement.

    Args:
        bodies: of which it is.
        limit: bytes that it may have.
    """

    def __init__(self, bodies: HeldBodies, limit: int) -> None:
        self._bodies = bodies
        self._limit = limit
        self._size = 0

    def expect(self, size: int) -> None:
        """Learn how many bytes it has.

        Raises:
            BodyTooLarge: more than it may.
        """
        if size > self._limit:
            message = f"the body is larger than the limit of {self._limit} bytes"
            raise BodyTooLarge(message, headers=_CLOSE)

    def take(self, count: int) -> None:
        """Hold its next bytes; held they are even if they are too many.

        Raises:
            BodyTooLarge: with those before them.
            Overloaded: with those of the others.
        """
        self._size += count
        self._bodies.held += count
        self.expect(self._size)
        if self._bodies.held > self._bodies.limit:
            message = "the service holds as many bytes of requests as it may"
            raise Overloaded(message, retry_after=_RETRY_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bodies.held -= self._size


async def read_body(
    headers: Mapping[bytes, bytes],
    receive: Receive,
    exchange: Exchange | None,
    held: HeldBody,
    seconds: float,
) -> bytes:
    """The whole body, whether or not its length was announced.

    Args:
        headers: of the request.
        receive: ASGI's.
        exchange: whose that is, if it is one's.
        held: told of the bytes as they arrive.
        seconds: it may take to arrive.

    Raises:
        BodyTooLarge: more bytes than it may have, announced or arrived.
        Overloaded: more than there is room for.
        BodyTimeout: not all there in time.
        ClientGone: the client left.
    """
    held.expect(int(headers.get(b"content-length", b"0")))
    whole = exchange.whole_body() if exchange else None
    if whole is not None:
        held.take(len(whole))
        return whole
    task = asyncio.current_task()
    assert task is not None
    # Not wait_for(), which makes a task of its own for every request.
    timer = asyncio.get_running_loop().call_later(seconds, task.cancel)
    try:
        return await _read(receive, held)
    except asyncio.CancelledError:
        if timer.when() > asyncio.get_running_loop().time():
            raise
        message = f"the body did not arrive within {seconds:g} s"
        raise BodyTimeout(message, headers=_CLOSE) from None
    finally:
        timer.cancel()


async def refuse(response: Response, receive: Receive, send: Send) -> None:
    """Answer before the body is read, so that the client does get to see the answer."""
    await send_response(response, send, more_body=True)
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_discard(receive), _LINGER_SECONDS)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


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


async def _discard(receive: Receive) -> None:
    exchange = exchange_behind(receive)
    if exchange and not exchange.more_body:  # all of it has come
        return
    size = 0
    while size < _LINGER_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            return
