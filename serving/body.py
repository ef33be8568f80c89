"""Request bodies: read whole, bounded in size and time."""

import asyncio
import contextlib
from collections.abc import Mapping

from starlette.types import Receive, Send

from errors import BodyTimeout, BodyTooLarge
from serving.messages import Response
from serving.sending import send_response

# After an early refusal the rest of the body is read and thrown away, within bounds:
# closing at once would reset the connection before the client has read the answer.
_LINGER_SECONDS = 10.0
_LINGER_BYTES = 100_000_000

_CLOSE = {"connection": "close"}


class ClientGone(Exception):
    """Nobody is there to be answered."""


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, *, limit: int, seconds: float
) -> bytes:
    """The whole body, whether or not its length was announced.

    Args:
        headers: of the request.
        receive: ASGI's.
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
        return await _read(receive, limit)
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


async def _read(receive: Receive, limit: int) -> bytes:
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
