"""Request bodies: read whole, bounded in size and time."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping

from starlette.types import Receive, Send

from errors import BodyTimeout, BodyTooLarge, Overloaded
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

    Args:
        limit: bytes of all together.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0

    @contextlib.contextmanager
    def one_more(self) -> Iterator[Callable[[int], None]]:
        """Hold a body in the block; gives what to call with the number of its next bytes.

        Raises:
            Overloaded: from that call, if they are too many with those of the others.
        """
        size = 0

        def take(count: int) -> None:
            nonlocal size
            size += count
            self._held += count
            if self._held > self._limit:
                message = "the service holds as many bytes of requests as it may"
                raise Overloaded(message, retry_after=_RETRY_SECONDS)

        try:
            yield take
        finally:
            self._held -= size


async def read_body(
    headers: Mapping[bytes, bytes],
    receive: Receive,
    take: Callable[[int], None],
    *,
    limit: int,
    seconds: float,
) -> bytes:
    """The whole body, whether or not its length was announced.

    Args:
        headers: of the request.
        receive: ASGI's.
        take: told of the bytes as they arrive; may raise.
        limit: bytes it may have.
        seconds: it may take to arrive.

    Raises:
        BodyTooLarge: more bytes than that, announced or arrived.
        BodyTimeout: not all there in time.
        ClientGone: the client left.
    """
    if int(headers.get(b"content-length", b"0")) > limit:
        raise _too_large(limit)
    task = asyncio.current_task()
    assert task is not None
    # Not wait_for(), which makes a task of its own for every request.
    timer = asyncio.get_running_loop().call_later(seconds, task.cancel)
    try:
        return await _read(receive, take, limit)
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


async def _read(receive: Receive, take: Callable[[int], None], limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        take(len(chunk))
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _discard(receive: Receive) -> None:
    size = 0
    while size < _LINGER_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            return


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is larger than the limit of {limit} bytes", headers=_CLOSE)
