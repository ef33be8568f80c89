"""The client against a server that does as it is told, on a real socket."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from load_generator.connections import Connections, Lost, Response, address, post

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CLOSING = b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

Answer = bytes | None


class Server(asyncio.Protocol):
    """Answers requests with given bytes in turn; None closes the connection instead."""

    def __init__(self, answers: list[Answer], ports: list[int]) -> None:
        self.answers, self.ports = answers, ports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.ports.append(self.transport.get_extra_info("peername")[1])
        answer = self.answers.pop(0)
        if answer is None:
            self.transport.abort()
        else:
            self.transport.write(answer)


def run(
    answers: list[Answer], talk: Callable[[Connections], Awaitable[None]], **options: object
) -> list[int]:
    """Talk to the server; returns the client's port of each request."""
    ports: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Server(answers, ports), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            connections = Connections("127.0.0.1", port, **options)  # type: ignore[arg-type]
            await talk(connections)
            connections.close()

    asyncio.run(main())
    return ports


def test_a_connection_is_kept_until_the_server_closes_it() -> None:
    async def talk(connections: Connections) -> None:
        first = await connections.send(post("/", b"abc"))
        assert first == Response(200, b"hi", first.port)
        assert connections.ports == {first.port}
        assert (await connections.send(post("/", b""))).status == 503
        assert connections.ports == set()
        await connections.send(post("/", b""))

    ports = run([OK, CLOSING, OK], talk)
    assert ports[0] == ports[1] != ports[2]


def test_an_answer_may_come_in_pieces() -> None:
    async def talk(connections: Connections) -> None:
        first = asyncio.create_task(connections.send(post("/", b"")))
        await asyncio.sleep(0.05)
        assert not first.done()
        # What the server says next belongs to the same answer.
        (connection,) = connections._open
        connection.transport.write(b"more")
        assert (await first).body == b"hi"

    run([OK[:20], OK[20:]], talk)


def test_after_close_requests_take_new_connections() -> None:
    async def talk(connections: Connections) -> None:
        await connections.send(post("/", b""))
        connections.close()
        await connections.send(post("/", b""))

    first, second = run([OK, OK], talk)
    assert first != second


def test_a_lost_request_names_its_port() -> None:
    async def talk(connections: Connections) -> None:
        with pytest.raises(Lost, match=r"closed without an answer|reset") as lost:
            await connections.send(post("/", b""))
        assert lost.value.port is not None

    assert len(run([None], talk)) == 1


def test_only_where_told_to_a_request_is_sent_again_after_a_kept_connection_ended() -> None:
    async def talk(connections: Connections) -> None:
        await connections.send(post("/", b""))
        assert (await connections.send(post("/", b""))).status == 200

    first, second, third = run([OK, None, OK], talk, retry=True)
    assert first == second != third
    with pytest.raises(Lost):
        run([OK, None], talk)


def test_a_request_without_an_answer_in_time_is_given_up() -> None:
    async def talk(connections: Connections) -> None:
        with pytest.raises(Lost, match=r"not within 0\.05 s"):
            await connections.send(post("/", b""))

    run([b""], talk, timeout=0.05)


def test_a_port_without_a_listener() -> None:
    with pytest.raises(Lost, match="ConnectionRefusedError") as lost:
        asyncio.run(Connections("127.0.0.1", 1).send(post("/", b"")))
    assert lost.value.port is None


def test_addresses() -> None:
    assert address("http://127.0.0.1:3000") == ("127.0.0.1", 3000)
    assert address("http://localhost") == ("localhost", 80)
