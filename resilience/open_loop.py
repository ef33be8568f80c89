"""Requests at times fixed beforehand, whether or not earlier ones were answered.

A client that waits for its answers slows down with the service and so hides an overload.
Written on bare transports: the clients share the processors with the service.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

_STATUS = slice(9, 12)
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True)
class Answer:
    """What came of one request.

    Attributes:
        due: seconds after the begin at which it was to be sent.
        seconds: from then until the whole answer was there.
        status: of the answer; 0 if the connection broke.
    """

    due: float
    seconds: float
    status: int


@dataclass
class OpenLoop:
    """Sends requests over as many connections as are needed.

    Args:
        host: of the service.
        port: of the service.
        requests: whole HTTP requests, sent in turn.
    """

    host: str
    port: int
    requests: Sequence[bytes]
    _idle: list["_Connection"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._turns = itertools.cycle(self.requests)

    async def run(self, due: Sequence[float]) -> list[Answer]:
        """Send a request at each of these seconds from now; returns when all are answered."""
        begin = time.monotonic()
        tasks = []
        for each in due:
            await asyncio.sleep(max(0.0, begin + each - time.monotonic()))
            tasks.append(asyncio.create_task(self._ask(begin, each, next(self._turns))))
        return await asyncio.gather(*tasks)

    async def ask(self) -> Answer:
        """Send one request now."""
        (answer,) = await self.run([0.0])
        return answer

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop().transport.close()

    async def _ask(self, begin: float, due: float, request: bytes) -> Answer:
        try:
            connection, status = await self._exchange(request)
        except OSError:
            status = 0
        else:
            if connection.open:
                self._idle.append(connection)
        return Answer(due, time.monotonic() - begin - due, status)

    async def _exchange(self, request: bytes) -> tuple["_Connection", int]:
        """Ask on an idle connection, or, as the server may just have closed that, on a new one."""
        while self._idle:
            connection = self._idle.pop()
            try:
                return connection, await connection.ask(request)
            except OSError:
                if connection.has_answered:
                    raise
        connection = await self._connect()
        return connection, await connection.ask(request)

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(_Connection, self.host, self.port)
        return protocol


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.open = True
        self._received = bytearray()
        self._status: asyncio.Future[int] | None = None

    @property
    def has_answered(self) -> bool:
        """Whether anything has come of the last request."""
        return bool(self._received)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    async def ask(self, request: bytes) -> int:
        self._received.clear()
        self._status = asyncio.get_running_loop().create_future()
        if not self.open:
            raise ConnectionResetError
        self.transport.write(request)
        return await self._status

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0 or self._status is None or self._status.done():
            return
        head = bytes(self._received[:end]).lower() + b"\r\n"
        length = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
        if len(self._received) - end - len(_HEAD_END) >= length:
            self.open = self.open and b"connection: close" not in head
            self._status.set_result(int(head[_STATUS]))

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        if self._status is not None and not self._status.done():
            self._status.set_exception(error or ConnectionResetError("closed without an answer"))
