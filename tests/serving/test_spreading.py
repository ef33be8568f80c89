import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import httpx
import pytest
import uvicorn

from serving import heartbeat, spreading
from serving.heartbeat import Heartbeats
from serving.spreading import Connections, Spreader, can_spread, running_server
from tests.resilience.processes import client_ports, until, workers
from tests.resilience.scene import TWO_WORKERS
from tests.servers import running, toy_home


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    for variable in (spreading._VARIABLE, spreading._NAME, heartbeat._VARIABLE):
        monkeypatch.setenv(variable, "")
    return Connections.create(workers=3)


class Echo(asyncio.Protocol):
    """Answers what it gets, and says which worker it belongs to."""

    def __init__(self, worker: int) -> None:
        self._worker = worker

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"%d %b" % (self._worker, data))


class Giving(asyncio.Protocol):
    """Gives the connection away, or answers as worker 0."""

    def __init__(self, spreader: Spreader, given: list[bool]) -> None:
        self._spreader = spreader
        self._given = given

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._given.append(self._spreader.give_away(cast("asyncio.Transport", transport)))


def test_a_load_is_what_is_open_and_what_is_on_its_way(connections: Connections) -> None:
    connections.count(0, 3)
    connections.count(0, -1)
    connections.give(0, 1)
    connections.give(2, 1)
    assert connections.loads() == [2, 2, 0]
    connections.take(1)
    connections.count(1, 1)
    assert connections.loads() == [2, 2, 0]


def test_what_was_given_to_a_dead_worker_is_lost(connections: Connections) -> None:
    connections.count(1, 5)
    connections.give(0, 1)
    connections.begin(1)
    assert connections.loads() == [0, 0, 0]


def test_all_workers_see_the_same(connections: Connections) -> None:
    connections.count(2, 7)
    inherited = Connections.inherited()
    assert inherited is not None
    assert inherited.loads() == [0, 0, 7]


def test_without_a_supervisor_there_is_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(spreading._VARIABLE, raising=False)
    assert Connections.inherited() is None


async def _accept(spreader: Spreader, ask: Callable[[int], Awaitable[None]]) -> list[bool]:
    """Which connections worker 0 gave away, of those that are opened meanwhile."""
    given: list[bool] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Giving(spreader, given), "127.0.0.1", 0)
    await ask(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return given


def _close(*spreaders: Spreader) -> None:
    for spreader in spreaders:
        spreader._loop.remove_reader(spreader._socket.fileno())
        spreader._socket.close()


def test_a_connection_goes_to_the_worker_with_the_fewest_and_loses_nothing(
    connections: Connections,
) -> None:
    async def ask(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        assert await reader.read(100) == b"2 hello"
        writer.close()

    async def run() -> None:
        beats = Heartbeats.create(workers=3)
        for worker in (1, 2, 3):
            beats.beat(worker)
        first = Spreader(0, connections, beats, lambda: Echo(0))
        last = Spreader(2, connections, beats, lambda: Echo(2))
        connections.count(0, 2)
        connections.count(1, 2)
        assert await _accept(first, ask) == [True]
        assert connections.loads() == [2, 2, 1]  # Echo does not say that it has closed it
        _close(first, last)

    asyncio.run(run())


def test_a_connection_is_counted_all_the_way(connections: Connections) -> None:
    seen: list[list[int]] = []

    class Looking(asyncio.Protocol):
        """Looks at the loads before its worker could say that it has a connection."""

        def __init__(self) -> None:
            seen.append(connections.loads())

    async def ask(port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        while not seen:
            await asyncio.sleep(0.01)
        writer.close()

    async def run() -> None:
        beats = Heartbeats.create(workers=3)
        for worker in (1, 2):
            beats.beat(worker)
        first = Spreader(0, connections, beats, lambda: Echo(0))
        second = Spreader(1, connections, beats, Looking)
        connections.count(0, 3)
        await _accept(first, ask)
        _close(first, second)

    asyncio.run(run())
    assert seen == [[3, 1, 0]]


def test_a_connection_that_was_lost_on_its_way_is_not_expected_for_ever(
    connections: Connections,
) -> None:
    async def run() -> None:
        beats = Heartbeats.create(workers=3)
        second = Spreader(1, connections, beats, lambda: Echo(1))
        connections.give(0, 1)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"\0", spreading._address(1))
        while connections.loads() != [0, 0, 0]:
            await asyncio.sleep(0.01)
        _close(second)

    asyncio.run(asyncio.wait_for(run(), 10))


@pytest.mark.parametrize("others", ["have as many", "are not there", "do not beat"])
def test_it_is_kept_where_no_other_worker_is_better(connections: Connections, others: str) -> None:
    async def ask(port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.05)
        writer.close()

    async def run() -> None:
        beats = Heartbeats.create(workers=3)
        beats.beat(1)
        if others != "do not beat":
            beats.beat(2)
        first = Spreader(0, connections, beats, lambda: Echo(0))
        if others != "have as many":
            connections.count(0, 5)
        assert await _accept(first, ask) == [False]
        _close(first)

    asyncio.run(run())


def test_a_server_is_known_by_its_signals_and_keeps_what_is_encrypted() -> None:
    assert running_server() is None
    server = uvicorn.Server(uvicorn.Config(app="unused"))
    before = signal.signal(signal.SIGTERM, server.handle_exit)
    try:
        assert running_server() is server
    finally:
        signal.signal(signal.SIGTERM, before)
    assert can_spread(server)
    server.config.ssl_certfile = __file__
    assert not can_spread(server)


@pytest.mark.slow
def test_connections_of_one_client_are_spread_evenly(tmp_path: Path) -> None:
    with (
        running(toy_home(tmp_path), tmp_path, TWO_WORKERS) as server,
        contextlib.ExitStack() as clients,
    ):
        until(lambda: server.log.count("Completed async startup hook: start") == 2, 20, "started")
        url = httpx.URL(server.url)
        ports = set()
        for _ in range(10):
            client = clients.enter_context(
                socket.create_connection((url.host, url.port or 80), timeout=10)
            )
            client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 200"
            ports.add(client.getsockname()[1])
        held = [len(client_ports(worker) & ports) for worker in workers(server)]
        assert held == [5, 5]
