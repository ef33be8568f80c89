import asyncio

from harness.servers import free_port
from load_generator.connections import Connections, post
from resilience.refuser import serve


def test_every_request_is_read_and_refused_on_a_kept_connection() -> None:
    async def main() -> list[tuple[int, bytes, int]]:
        port = free_port()
        server = asyncio.create_task(serve(port))
        await asyncio.sleep(0.05)
        connections = Connections("127.0.0.1", port)
        answers = [await connections.send(post("/", bytes(size))) for size in (1, 300_000, 5)]
        connections.close()
        server.cancel()
        return [*answers]

    (first, *others) = asyncio.run(main())
    assert first[:2] == (503, b"")
    assert others == [first, first]
