"""Each route's requests and answers, asked of a real server."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from harness.servers import Server, running, toy_home
from harness.toys import BLUE, RED, encoded
from load_generator.connections import Connections, Response, address
from load_generator.known_images import Known, Outcome
from resilience.routes import ROUTES


async def asked(url: str, request: bytes) -> Response:
    connections = Connections(*address(url))
    try:
        return await connections.send(request)
    finally:
        connections.close()
        await asyncio.sleep(0)  # the transport closes in the next round of the loop


KNOWN = Known(b"", "red", 0.5)

REFUSALS = {
    "classify": {"error": {"code": "overloaded", "message": "later"}},
    "hugging-face": {"error": "later"},
    "predict": {"detail": "later"},
    "open-inference": {"error": "later"},
}


@pytest.mark.parametrize("name", ROUTES)
def test_a_refusal_counts_in_the_protocols_own_shape_only(name: str) -> None:
    for shape, content in REFUSALS.items():
        outcome, _ = ROUTES[name].judged(503, json.dumps(content).encode(), KNOWN)
        is_own = content == REFUSALS[name]
        assert outcome is (Outcome.REFUSED if is_own else Outcome.WRONG), shape
    assert ROUTES[name].judged(503, b"", KNOWN)[0] is Outcome.WRONG
    assert ROUTES[name].judged(500, b"{}", KNOWN)[0] is Outcome.WRONG


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("routes")
    with running(toy_home(folder), folder) as started:
        yield started


@pytest.mark.slow
@pytest.mark.parametrize("name", ROUTES)
def test_a_server_answers_each_route(name: str, server: Server) -> None:
    route = ROUTES[name]
    red, blue = route.learned(server.url, [encoded(RED), encoded(BLUE)])
    assert red.label != blue.label
    status, body, _ = asyncio.run(asked(server.url, route.request(red.image)))
    assert route.judged(status, body, red) == (Outcome.RIGHT, "")
    assert route.judged(status, body, blue)[0] is Outcome.WRONG
