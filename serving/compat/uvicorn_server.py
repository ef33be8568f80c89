"""uvicorn's server, with this service's connections, listening and shutdown.

BentoML makes a ``uvicorn.Server`` in each worker and offers no way to configure it.
:func:`use_server` puts a subclass in its place, which

- sets three public options of ``uvicorn.Config``: ``http``, ``ws`` and ``proxy_headers``;
- overrides ``Server.startup`` to listen in its own way, and ``Server.handle_exit`` to go on
  serving for a while after SIGTERM;
- sets ``Server.servers``, whose members uvicorn closes.

The connections read ``Config.loaded_app``, ``Config.timeout_keep_alive`` and
``ServerState.connections``, ``.tasks``, ``.default_headers`` and ``.total_requests``.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from types import FrameType
from typing import Any, ClassVar

import uvicorn

Listen = Callable[[socket.socket, Callable[[], asyncio.Protocol], ssl.SSLContext | None], Any]
"""Starts to accept connections from a socket; returns what uvicorn closes at the end."""


class WorkerServer(uvicorn.Server):
    """The server of one worker process."""

    connection: ClassVar[Callable[..., asyncio.Protocol]]
    """Makes a connection's protocol."""
    listen: ClassVar[Listen]
    running: ClassVar["WorkerServer | None"] = None
    """Of this process."""

    def __init__(self, config: uvicorn.Config) -> None:
        config.http = type(self).connection  # type: ignore[assignment]
        config.ws = "none"
        # The service never uses the address of a client behind a proxy.
        config.proxy_headers = False
        super().__init__(config)
        self._drain_seconds = 0.0
        self._on_exit: Callable[[], object] | None = None
        WorkerServer.running = self

    def drain_at_exit(self, seconds: float, on_exit: Callable[[], object]) -> None:
        """Go on serving for a while after the first signal to end.

        Args:
            seconds: until no more connections are accepted, and the open ones end.
            on_exit: called in the event loop as soon as the signal arrives.
        """
        self._loop = asyncio.get_running_loop()
        self._drain_seconds, self._on_exit = seconds, on_exit

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal to end: drain at the first, end at the second."""
        end = partial(super().handle_exit, sig, frame)
        on_exit, self._on_exit = self._on_exit, None
        if on_exit is None:
            end()
            return
        self._loop.call_soon_threadsafe(on_exit)
        if self._drain_seconds:
            self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_seconds, end)
        else:
            end()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen, unless the process was asked to end."""
        await super().startup(sockets=[])
        if self.should_exit:
            return
        listen, protocol = type(self).listen, self._protocol()
        servers: Any = [listen(each, protocol, self.config.ssl) for each in sockets or []]
        self.servers = servers

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[socket.socket]:
        """A client's end of a connection to this worker.

        Over the listening socket, which all workers share, another one might answer. Only for a
        server that does not listen yet: at the end it waits until no connection is left.
        """
        client, accepted = socket.socketpair()
        await asyncio.get_running_loop().connect_accepted_socket(self._protocol(), accepted)
        try:
            yield client
        finally:
            client.close()
            while self.server_state.connections:
                await asyncio.sleep(0)

    def _protocol(self) -> Callable[[], asyncio.Protocol]:
        return partial(
            type(self).connection,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )


def use_server(connection: Callable[..., asyncio.Protocol], listen: Listen) -> None:
    """Have BentoML's workers use :class:`WorkerServer`."""
    WorkerServer.connection = staticmethod(connection)
    WorkerServer.listen = staticmethod(listen)
    uvicorn.Server = WorkerServer  # type: ignore[misc]
