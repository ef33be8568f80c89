import asyncio
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from serving.compat.uvicorn_server import WorkerServer, use_server
from serving.transport.balancing import Balancer, Listener
from serving.transport.http_connection import HttpConnection
from tests.support.gates import in_loop

SECONDS = 0.2
END = signal.SIGTERM


@pytest.fixture(autouse=True)
def _stock_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(uvicorn, "Server", uvicorn.Server)
    monkeypatch.setattr(WorkerServer, "running", None)
    use_server(HttpConnection, lambda *given: Listener(given[0], given[1], Balancer(), given[2]))
    # uvicorn raises the signals that it was sent again when it ends.
    before = signal.signal(END, signal.SIG_IGN)
    yield
    signal.signal(END, before)


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for done in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
            await receive()
            await send({"type": done})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def server(app: Any = page) -> WorkerServer:
    made = uvicorn.Server(uvicorn.Config(app, log_config=None))
    assert isinstance(made, WorkerServer)
    assert WorkerServer.running is made
    return made


def nothing() -> None:
    pass


@in_loop
async def test_it_serves_with_the_connections_of_this_service() -> None:
    made = server()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(made.serve([listening.dup()]))
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        assert [type(each) for each in made.server_state.connections] == [HttpConnection]
        assert (made.config.ws_protocol_class, made.config.proxy_headers) == (None, False)
        made.handle_exit(END, None)
        assert (await reader.read()).endswith(b"5\r\nhello\r\n0\r\n\r\n")  # and closed
        await serving
        writer.close()


@in_loop
async def test_told_to_end_while_it_starts_it_accepts_nothing() -> None:
    made = server()

    async def end_at_start(scope: Scope, receive: Receive, send: Send) -> None:
        made.handle_exit(END, None)
        await page(scope, receive, send)

    made.config.app = end_at_start
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await made.serve([listening.dup()])
        assert made.servers == []


@in_loop
async def test_at_the_first_signal_it_drains_and_then_ends() -> None:
    made, begun = server(), list[bool]()
    made.drain_at_exit(SECONDS, lambda: begun.append(True))
    made.handle_exit(END, None)
    await asyncio.sleep(0.01)
    assert (begun, made.should_exit) == ([True], False)
    await asyncio.sleep(2 * SECONDS)
    assert made.should_exit


@in_loop
async def test_at_the_second_signal_it_ends_at_once() -> None:
    made = server()
    made.drain_at_exit(3600, nothing)
    made.handle_exit(END, None)
    assert not made.should_exit
    made.handle_exit(END, None)
    assert made.should_exit


@in_loop
async def test_without_time_to_drain_it_ends_at_once() -> None:
    made, begun = server(), list[bool]()
    made.drain_at_exit(0, lambda: begun.append(True))
    made.handle_exit(END, None)
    await asyncio.sleep(0)
    assert (begun, made.should_exit) == ([True], True)
