"""``python -m resilience.refuser PORT``: a server that reads each request and answers 503.

It shows what a machine spends on sending and receiving requests alone.
"""

import asyncio
import sys
from typing import cast

import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


class _Refuser(asyncio.Protocol):
    def __init__(self) -> None:
        self._head = b""
        self._body_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._body_bytes:
            self._head += data
            head, end, body = self._head.partition(_HEAD_END)
            if not end:
                return
            self._body_bytes = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
            self._head, data = b"", body
        self._body_bytes -= len(data)
        if not self._body_bytes:
            self._transport.write(_REFUSAL)


async def serve(port: int) -> None:
    """Answer 503 until stopped."""
    server = await asyncio.get_running_loop().create_server(_Refuser, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
