"""A client's connection in memory."""

import asyncio
from typing import Any

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from serving.transport.http_connection import HttpConnection

DATE = (b"date", b"today")


class Wire(asyncio.Transport):
    """What was written to a client, in pieces. Closed, it tells its protocol."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = self.ended = self.aborted = False
        self.reads = True
        self.protocol: asyncio.Protocol | None = None

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        protocol, self.protocol = self.protocol, None
        self.closed = True
        if protocol:
            asyncio.get_running_loop().call_soon(protocol.connection_lost, None)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    @property
    def written(self) -> bytes:
        return b"".join(self.pieces)


def connected(app: ASGIApp) -> tuple[HttpConnection, Wire]:
    """A connection to an application, in the running event loop."""
    config, state = Config(app, log_config=None, proxy_headers=False), ServerState()
    config.load()
    state.default_headers = [DATE]
    connection, wire = HttpConnection(config, state, {}), Wire()
    wire.protocol = connection
    connection.connection_made(wire)
    return connection, wire


async def until_done(connection: HttpConnection) -> None:
    """Wait until the application has answered everything."""
    while connection._server_state.tasks:
        await asyncio.sleep(0)


async def exchanged(app: ASGIApp, *sent: bytes) -> Wire:
    """What an application answers to bytes that come one after another."""
    connection, wire = connected(app)
    for piece in sent:
        connection.data_received(piece)
        await asyncio.sleep(0)
    await until_done(connection)
    return wire
