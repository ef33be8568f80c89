"""A request's body and its response, between uvicorn and an application, in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uvicorn.protocols.http import httptools_impl

from serving import exchange
from serving.exchange import Exchange, exchange_behind, header_lines
from tests.serving.wire import Wire, exchange_over

CLOSE = (b"connection", b"close")


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(content: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


def sent(
    *messages: dict[str, Any], method: str = "POST", keep_alive: bool = True
) -> tuple[list[bytes], bool]:
    """The pieces in which messages leave, and whether the connection is closed behind them."""

    async def run() -> tuple[list[bytes], bool]:
        wire = Wire()
        cycle = exchange_over(wire, method, keep_alive=keep_alive)
        for message in messages:
            await cycle.send(message)
        return wire.pieces, wire.closed

    return asyncio.run(run())


def responded(lines: bytes, *, keep_alive: bool = True) -> tuple[list[bytes], bool]:
    """The same of a whole response."""

    async def run() -> tuple[list[bytes], bool]:
        wire = Wire()
        assert exchange_over(wire, keep_alive=keep_alive).respond(200, lines, b"hi")
        return wire.pieces, wire.closed

    return asyncio.run(run())


def test_a_whole_response_leaves_in_one_piece() -> None:
    assert responded(header_lines([(b"content-length", b"2"), (b"x", b"y")])) == (
        [b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\nx: y\r\n\r\nhi"],
        False,
    )


@pytest.mark.parametrize(("asked", "keep_alive"), [([CLOSE], True), ([], False), ([CLOSE], False)])
def test_the_connection_is_closed_where_either_side_wants_it(
    asked: list[tuple[bytes, bytes]], keep_alive: bool
) -> None:
    lines = header_lines([(b"content-length", b"2"), *asked])
    (piece,), closed = responded(lines, keep_alive=keep_alive)
    assert piece.endswith(b"content-length: 2\r\nconnection: close\r\n\r\nhi")
    assert piece.count(b"connection: close") == 1
    assert closed


def test_what_comes_in_parts_leaves_in_parts() -> None:
    length = start((b"content-length", b"4"))
    pieces, closed = sent(length, body(b"hi", more=True), body(b"ho"))
    assert b"".join(pieces).endswith(b"content-length: 4\r\n\r\nhiho")
    assert pieces[-1] == b"ho"
    assert not closed


def test_without_a_length_it_leaves_in_chunks() -> None:
    pieces, _ = sent(start(), body(b"hi"))
    assert b"".join(pieces).endswith(b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")


def test_a_head_has_no_body() -> None:
    pieces, _ = sent(start((b"content-length", b"2")), body(b"hi"), method="HEAD")
    assert b"".join(pieces).endswith(b"content-length: 2\r\n\r\n")


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb"])
def test_a_header_cannot_hold_another(value: bytes) -> None:
    with pytest.raises(RuntimeError, match="Invalid HTTP header value"):
        sent(start((b"content-length", b"2"), (b"x", value)), body(b"hi"))


def test_a_body_of_another_length_than_told_is_refused() -> None:
    with pytest.raises(RuntimeError, match="longer than Content-Length"):
        sent(start((b"content-length", b"1")), body(b"hi"))


def run_with(use: Callable[[Exchange], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        return await use(exchange_over(Wire()))

    return asyncio.run(run())


def test_pieces_of_a_body_are_received_joined_and_once() -> None:
    async def use(cycle: Exchange) -> list[Any]:
        assert [cycle.keep(b"ab"), cycle.keep(b"c")] == [66, 131]  # each is an object, too
        cycle.message_event.set()
        first = await cycle.receive()
        assert cycle.keep(b"d") == 65
        cycle.more_body = False
        cycle.message_event.set()
        return [first, await cycle.receive()]

    assert run_with(use) == [
        {"type": "http.request", "body": b"abc", "more_body": True},
        {"type": "http.request", "body": b"d", "more_body": False},
    ]


def test_a_whole_body_is_had_at_once_and_once() -> None:
    async def use(cycle: Exchange) -> list[Any]:
        cycle.keep(b"ab")
        early = cycle.whole_body()
        cycle.keep(b"c")
        cycle.more_body = False
        return [early, cycle.whole_body(), cycle.keep(b"")]

    assert run_with(use) == [None, b"abc", 64]


def wait_to_send(cycle: Exchange) -> None:
    cycle.waiting_for_100_continue = True


def leave(cycle: Exchange) -> None:
    cycle.disconnected = True


@pytest.mark.parametrize("do", [wait_to_send, leave])
def test_a_body_is_not_had_from_who_has_left_or_waits_to_be_told_to_send_it(
    do: Callable[[Exchange], None],
) -> None:
    async def use(cycle: Exchange) -> Any:
        cycle.more_body = False
        do(cycle)
        return cycle.whole_body()

    assert run_with(use) is None


def start_already(cycle: Exchange) -> None:
    cycle.response_started = True


def fall_behind(cycle: Exchange) -> None:
    cycle.flow.pause_writing()


def ask_for_the_head(cycle: Exchange) -> None:
    cycle.scope["method"] = "HEAD"


@pytest.mark.parametrize("do", [leave, start_already, fall_behind, ask_for_the_head])
def test_what_is_unusual_does_not_leave_in_one_piece(do: Callable[[Exchange], None]) -> None:
    async def run() -> list[bytes]:
        wire = Wire()
        cycle = exchange_over(wire)
        do(cycle)
        assert not cycle.respond(200, b"", b"hi")
        return wire.pieces

    assert asyncio.run(run()) == []


def test_an_exchange_is_found_behind_its_own_methods_only() -> None:
    async def use(cycle: Exchange) -> list[bool]:
        async def wrapped(message: Any) -> None:
            await cycle.send(message)

        found = exchange_behind(cycle.receive), exchange_behind(cycle.send)
        return [*(each is cycle for each in found), exchange_behind(wrapped) is cycle]

    assert run_with(use) == [True, True, False]


def test_of_a_client_that_has_gone_nothing_is_received() -> None:
    async def use(cycle: Exchange) -> Any:
        cycle.keep(b"ab")
        cycle.disconnected = True
        return await cycle.receive()

    assert run_with(use) == {"type": "http.disconnect"}


@pytest.mark.parametrize("status", [200, 204])
def test_no_body_is_held_behind_an_answer(status: int) -> None:
    async def use(cycle: Exchange) -> int:
        cycle.keep(b"ab")
        await cycle.send(start((b"content-length", b"0"), status=status))
        await cycle.send(body(b""))
        return cycle.keep(b"")

    assert run_with(use) == 64


def test_uvicorn_makes_one_for_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httptools_impl, "RequestResponseCycle", None)
    exchange.install()
    assert httptools_impl.RequestResponseCycle is Exchange
