import asyncio
import contextlib
import resource
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from harness.servers import Server, running, toy_home
from resilience.faults.scene import TWO_WORKERS
from resilience.processes import client_ports, until, workers
from serving.transport import balancing
from serving.transport.balancing import Balancer, Listener
from serving.workers import table as tables
from serving.workers.table import WorkerTable
from tests.serving.raw import REQUEST, connected, one_response
from tests.support.gates import in_loop


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerTable:
    """Of three workers; the third does not beat."""
    monkeypatch.setenv(tables._VARIABLE, "")
    table = WorkerTable.create(3, tmp_path)
    table.begin(1)
    table.begin(2)
    return table


@pytest.mark.parametrize(
    ("own", "other", "accepts", "closes"),
    [(0, 0, True, False), (1, 2, True, False), (2, 1, False, False), (3, 1, False, True)],
)
@in_loop
async def test_a_worker_with_more_connections_accepts_none_and_closes_some(
    table: WorkerTable, own: int, other: int, accepts: bool, closes: bool
) -> None:
    table.count(1, own)
    table.count(2, other)
    balancer = Balancer(table, 1)
    assert (balancer.should_accept(), balancer.should_close()) == (accepts, closes)


@in_loop
async def test_connections_are_closed_one_at_a_time(
    table: WorkerTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now[0])
    table.count(1, 9)
    balancer = Balancer(table, 1)
    seen = [balancer.should_close(), balancer.should_close()]
    now[0] += balancing._LOOK_SECONDS
    seen.append(balancer.should_close())
    monkeypatch.undo()
    assert seen == [True, False, True]


@in_loop
async def test_a_worker_that_leaves_closes_all_and_accepts_none(table: WorkerTable) -> None:
    balancer, other = Balancer(table, 1), Balancer(table, 2)
    balancer.leave()
    balancer.leave()
    table.count(2, 9)
    assert [balancer.should_close() for _ in range(2)] == [True, True]
    assert (balancer.should_accept(), other.should_accept()) == (False, True)
    other.leave()  # all do: they go on sharing what comes
    assert (balancer.should_accept(), other.should_accept()) == (True, False)


@in_loop
async def test_without_other_workers_all_connections_are_kept() -> None:
    balancer = Balancer()
    balancer.opened()
    balancer.closed()
    assert (balancer.should_accept(), balancer.should_close()) == (True, False)
    balancer.leave()
    assert balancer.should_close()


class Echo(asyncio.Protocol):
    """Answers what it gets, and says which worker it belongs to."""

    def __init__(self, worker: int) -> None:
        self._worker = worker

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"%d" % self._worker)


@contextlib.contextmanager
def listening(table: WorkerTable, *numbers: int) -> Iterator[tuple[str, int]]:
    """Workers that listen on one socket, in this process; its address."""
    with contextlib.ExitStack() as stack:
        shared = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for number in numbers:
            own = stack.enter_context(shared.dup())
            listener = Listener(own, _echo(number), Balancer(table, number), None)
            stack.callback(listener.close)
        yield shared.getsockname()


def _echo(number: int) -> Callable[[], asyncio.Protocol]:
    return lambda: Echo(number)


async def _worker_of(address: tuple[str, int]) -> tuple[int, asyncio.StreamWriter]:
    """Which worker answers a new connection."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"hello")
    return int(await reader.read(1)), writer


@in_loop
async def test_connections_of_one_client_are_shared_evenly(table: WorkerTable) -> None:
    with listening(table, 1, 2) as address:
        found = await asyncio.gather(*[_worker_of(address) for _ in range(12)])
        assert sorted(worker for worker, _ in found) == [1] * 6 + [2] * 6
        assert table._open.tolist() == [6, 6, 0]
        for _, writer in found:
            writer.close()


@in_loop
async def test_any_worker_accepts_a_connection_that_waits_too_long(table: WorkerTable) -> None:
    table.count(1, 5)  # the second worker has none, and does not look
    with listening(table, 1) as address:
        worker, writer = await _worker_of(address)
        assert worker == 1
        writer.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many wait")
@in_loop
async def test_of_too_many_waiting_connections_any_worker_accepts_the_first(
    table: WorkerTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balancing, "_LONGEST_TURN_SECONDS", 60.0)
    monkeypatch.setattr(balancing, "_MOST_WAITING", 3)
    table.count(1, 5)  # the second worker has none, and does not look
    with contextlib.ExitStack() as clients, listening(table, 1) as address:
        for _ in range(5):
            clients.enter_context(socket.create_connection(address))
        while table._open[0] < 7:
            await asyncio.sleep(0.01)
        await asyncio.sleep(5 * balancing._TURN_SECONDS)
        assert table._open.tolist() == [7, 0, 0]


@in_loop
async def test_a_worker_without_descriptors_tries_again(
    table: WorkerTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balancing, "_NO_DESCRIPTOR_SECONDS", 0.01)
    failures = [OSError(24, "Too many open files")] * 2
    accept = socket.socket.accept

    def fail_first(listening: socket.socket) -> Any:
        if failures:
            raise failures.pop()
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", fail_first)
    with listening(table, 1) as address:
        worker, writer = await _worker_of(address)
        assert (worker, failures) == (1, [])
        writer.close()


@in_loop
async def test_connections_leave_descriptors_to_files(
    table: WorkerTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balancing, "_NO_DESCRIPTOR_SECONDS", 0.01)
    looks: list[bool] = []
    has_descriptor = Listener._has_descriptor

    def look(listener: Listener) -> bool:
        looks.append(has_descriptor(listener))
        return looks[-1]

    monkeypatch.setattr(Listener, "_has_descriptor", look)
    with listening(table, 1) as address, monkeypatch.context() as patch:
        patch.setattr(resource, "getrlimit", lambda _: (4, 4))
        answer = asyncio.create_task(_worker_of(address))
        while len(looks) < 3:
            await asyncio.sleep(0.01)
        assert table._open.tolist() == [0, 0, 0]
        patch.undo()
        worker, writer = await answer
        assert (worker, set(looks[:3]), looks[-1]) == (1, {False}, True)
        writer.close()


@in_loop
async def test_a_connection_that_was_never_made_is_not_counted(table: WorkerTable) -> None:
    failed: list[bool] = []

    def fail() -> asyncio.Protocol:
        failed.append(True)
        raise RuntimeError("no protocol")

    with socket.create_server(("127.0.0.1", 0)) as shared:
        listener = Listener(shared, fail, Balancer(table, 1), None)
        _, writer = await asyncio.open_connection(*shared.getsockname())
        while listener._tasks or not failed:
            await asyncio.sleep(0.01)
        assert table._open.tolist() == [0, 0, 0]
        listener.close()
        writer.close()


def _ask(client: socket.socket) -> bool:
    """Ask on a connection; whether it stays open."""
    client.sendall(REQUEST)
    response = one_response(client)
    assert response.startswith(b"HTTP/1.1 200")
    return b"connection: close" not in response


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
        left = [client for client in opened if _ask(client)]
        while len(left) < len(opened):  # some were told to come again
            opened = [
                *left,
                *(clients.enter_context(connected(server)) for _ in opened[len(left) :]),
            ]
            left = [client for client in opened if _ask(client)]
        assert _held(server, opened) == [6, 6]

        kept = client_ports(workers(server)[0])
        left = [client for client in opened if client.getsockname()[1] in kept]
        for client in set(opened) - set(left):
            client.close()

        def is_even() -> bool:
            for i, client in enumerate(left):
                if not _ask(client):
                    left[i] = clients.enter_context(connected(server))
            return _held(server, left) == [3, 3]

        until(is_even, 20, "even again")
