"""A cheap HTTP/1.1 client on bare transports: it shares the processors with the service."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, cast

_STATUS = slice(9, 12)
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


class Response(NamedTuple):
    """Status and body of an answer, and the client's port of the connection."""

    status: int
    body: bytes
    port: int


class Lost(OSError):
    """The connection broke before the answer was whole, or there was none (then no port)."""

    def __init__(self, error: OSError, port: int | None) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.port = port


class Connections:
    """Keep-alive connections to one server; each has one request at a time.

    With ``retry`` a request is sent again, on a new connection, if a kept one ends before a byte of
    the answer has arrived: the server may just have closed it as idle.
    """

    def __init__(self, host: str, port: int, *, timeout: float = 60.0, retry: bool = False) -> None:
        self._address = (host, port)
        self._timeout = timeout
        self._retry = retry
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()

    @property
    def ports(self) -> set[int]:
        """The client's ends of the open connections."""
        return {each.port for each in list(self._open) if each.usable}

    async def send(self, request: bytes) -> Response:
        """Send a whole request and wait for the whole answer; raises Lost if none comes."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.usable:
                self._open.discard(connection)
                continue
            try:
                return await self._ask(connection, request)
            except Lost:
                if not self._retry or connection.has_answered:
                    raise
        try:
            connection = await self._connect()
        except OSError as error:
            raise Lost(error, None) from error
        return await self._ask(connection, request)

    def close(self) -> None:
        """Close idle connections now and busy ones after their answers."""
        for connection in self._open:
            connection.usable = False
        for connection in self._idle:
            connection.transport.close()

    async def _ask(self, connection: "_Connection", request: bytes) -> Response:
        try:
            status, body = await connection.ask(request, self._timeout)
        except OSError as error:
            self._open.discard(connection)
            raise Lost(error, connection.port) from error
        if connection.usable:
            self._idle.append(connection)
        else:
            self._open.discard(connection)
            connection.transport.close()
        return Response(status, body, connection.port)

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, *self._address)
        self._open.add(connection)
        return connection


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.usable = True
        self._received = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    @property
    def has_answered(self) -> bool:
        """Whether any byte of the answer to the last request has arrived."""
        return bool(self._received)

    async def ask(self, request: bytes, timeout: float) -> tuple[int, bytes]:
        loop = asyncio.get_running_loop()
        self._received.clear()
        self._answer = loop.create_future()
        self.transport.write(request)
        timer = loop.call_later(timeout, self._fail, TimeoutError(f"not within {timeout:g} s"))
        try:
            return await self._answer
        finally:
            timer.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.port: int = transport.get_extra_info("sockname")[1]

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0 or self._answer is None or self._answer.done():
            return
        head = bytes(self._received[:end]).lower() + b"\r\n"
        length = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
        body = bytes(self._received[end + len(_HEAD_END) :])
        if len(body) >= length:
            self.usable = self.usable and b"connection: close" not in head
            self._answer.set_result((int(head[_STATUS]), body))

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error or ConnectionResetError("closed without an answer"))

    def _fail(self, error: Exception) -> None:
        self.usable = False
        self.transport.abort()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


def address(url: str) -> tuple[str, int]:
    """Host and port of an ``http://`` URL."""
    host, _, port = url.rpartition("//")[2].partition(":")
    return host, int(port or 80)


def post(path: str, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """A whole request."""
    own = {"host": "service", "content-length": str(len(body)), **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in own.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
