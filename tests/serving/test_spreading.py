import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn

from resilience.faults.scene import TWO_WORKERS
from resilience.processes import client_ports, until, workers
from serving import heartbeat, spreading
from serving.heartbeat import Heartbeats
from serving.spreading import Connections, Spreader, can_spread, running_server
from tests.serving.raw import REQUEST, connected, one_response
from tests.support.servers import Server, running, toy_home


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


def _beating(*workers: int) -> Heartbeats:
    """Of three workers those of these numbers, counted from 1, are well."""
    beats = Heartbeats.create(workers=3)
    for worker in workers:
        beats.beat(worker)
    return beats


async def _ask_echo(port: int, worker: int) -> None:
    """Say hello, and be answered by this worker."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"hello")
    assert await reader.read(100) == b"%d hello" % worker
    writer.close()


async def _wait_for(port: int, seen: list[Any]) -> None:
    """Stay connected until something was seen."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    while not seen:
        await asyncio.sleep(0.01)
    writer.close()


async def _open_at_first() -> tuple[socket.socket, asyncio.Transport]:
    """A connection that worker 0 has: its client's end and its own."""
    client, server = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: Echo(0), sock=server)
    return client, transport


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
    async def run() -> None:
        beats = _beating(1, 2, 3)
        first = Spreader(0, connections, beats, lambda idle: Echo(0))
        last = Spreader(2, connections, beats, lambda idle: Echo(2))
        connections.count(0, 2)
        connections.count(1, 2)
        assert await _accept(first, partial(_ask_echo, worker=2)) == [True]
        assert connections.loads() == [2, 2, 1]  # Echo does not say that it has closed it
        _close(first, last)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("open_here", "moved", "loads"),
    [(1, False, [1, 9, 0]), (2, True, [1, 9, 1]), (5, True, [4, 9, 1])],
)
def test_an_open_connection_moves_where_that_makes_the_workers_more_even(
    connections: Connections, open_here: int, moved: bool, loads: list[int]
) -> None:
    async def run() -> None:
        beats = _beating(1, 2, 3)
        first = Spreader(0, connections, beats, lambda idle: Echo(0))
        last = Spreader(2, connections, beats, lambda idle: Echo(2))
        connections.count(0, open_here)
        connections.count(1, 9)
        client, transport = await _open_at_first()
        assert first.is_uneven() == moved
        assert first.move(transport) == moved
        reader, writer = await asyncio.open_connection(sock=client)
        writer.write(b"hello")
        assert await reader.read(100) == (b"2 hello" if moved else b"0 hello")
        assert connections.loads() == loads
        writer.close()
        _close(first, last)

    asyncio.run(run())


def test_a_worker_that_leaves_keeps_nothing_and_is_given_nothing(connections: Connections) -> None:
    async def run() -> None:
        beats = _beating(1, 3)
        first = Spreader(0, connections, beats, lambda idle: Echo(0))
        last = Spreader(2, connections, beats, lambda idle: Echo(2))
        connections.count(2, 9)
        first.leave()
        assert await _accept(first, partial(_ask_echo, worker=2)) == [True]
        assert (first.is_uneven(), last.is_uneven()) == (True, False)
        _close(first, last)
        successor = Spreader(0, connections, beats, lambda idle: Echo(0))
        assert connections.loads()[0] == 0
        _close(successor)

    asyncio.run(run())


def test_who_takes_a_connection_knows_whether_it_is_idle(connections: Connections) -> None:
    known: list[bool] = []

    class Knowing(asyncio.Protocol):
        def __init__(self, idle: bool) -> None:
            known.append(idle)

    async def run() -> None:
        beats = _beating(1, 2)
        first = Spreader(0, connections, beats, lambda idle: Echo(0))
        second = Spreader(1, connections, beats, Knowing)
        connections.count(0, 9)
        await _accept(first, partial(_wait_for, seen=known))
        client, transport = await _open_at_first()
        assert first.move(transport)
        while len(known) < 2:
            await asyncio.sleep(0.01)
        client.close()
        _close(first, second)

    asyncio.run(asyncio.wait_for(run(), 10))
    assert known == [False, True]


def test_even_workers_are_not_looked_at_with_every_request(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]

    async def run() -> list[bool]:
        beats = _beating(1, 2)
        first = Spreader(0, connections, beats, lambda idle: Echo(0))
        monkeypatch.setattr(beats, "well", lambda: [0, 1])
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        seen = [first.is_uneven()]
        connections.count(0, 2)
        seen.append(first.is_uneven())
        now[0] += spreading._LOOK_SECONDS
        seen += [first.is_uneven(), first.is_uneven()]
        monkeypatch.undo()
        _close(first)
        return seen

    assert asyncio.run(run()) == [False, False, True, True]


def test_a_connection_is_counted_all_the_way(connections: Connections) -> None:
    seen: list[list[int]] = []

    class Looking(asyncio.Protocol):
        """Looks at the loads before its worker could say that it has a connection."""

        def __init__(self, idle: bool) -> None:
            seen.append(connections.loads())

    async def run() -> None:
        beats = _beating(1, 2)
        first = Spreader(0, connections, beats, lambda idle: Echo(0))
        second = Spreader(1, connections, beats, Looking)
        connections.count(0, 3)
        await _accept(first, partial(_wait_for, seen=seen))
        _close(first, second)

    asyncio.run(run())
    assert seen == [[3, 1, 0]]


def test_a_connection_that_was_lost_on_its_way_is_not_expected_for_ever(
    connections: Connections,
) -> None:
    async def run() -> None:
        beats = Heartbeats.create(workers=3)
        second = Spreader(1, connections, beats, lambda idle: Echo(1))
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
        first = Spreader(0, connections, beats, lambda idle: Echo(0))
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


def _ask(client: socket.socket, request: bytes = REQUEST) -> None:
    client.sendall(request)
    assert one_response(client).startswith(b"HTTP/1.1 200")


def _held(server: Server, clients: Iterable[socket.socket]) -> list[int]:
    ports = {client.getsockname()[1] for client in clients}
    return [len(client_ports(worker) & ports) for worker in workers(server)]


@pytest.mark.slow
def test_connections_of_one_client_are_spread_evenly_and_stay_so(tmp_path: Path) -> None:
    with (
        running(toy_home(tmp_path), tmp_path, TWO_WORKERS) as server,
        contextlib.ExitStack() as clients,
    ):
        until(lambda: server.log.count("Completed async startup hook: start") == 2, 20, "started")
        opened = [clients.enter_context(connected(server)) for _ in range(12)]
        for client in opened:
            _ask(client)
        assert _held(server, opened) == [6, 6]

        kept = client_ports(workers(server)[0])
        left = [client for client in opened if client.getsockname()[1] in kept]
        for client in set(opened) - set(left):
            client.close()

        def ask_again() -> bool:
            for client in left:
                _ask(client, REQUEST + REQUEST[:9])  # the next is begun: it has to stay
                _ask(client, REQUEST[9:])
            return _held(server, left) == [3, 3]

        until(ask_again, 20, "moved")
