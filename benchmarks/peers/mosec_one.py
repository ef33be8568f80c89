"""mosec: decode and inference in one worker stage, as many processes as processors."""

import json
import sys
from typing import Any

from mosec import Server, Worker

from benchmarks.core import Core
from benchmarks.peers import given


class Classify(Worker):
    """The whole classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Core(given.MODEL)

    def deserialize(self, data: bytes) -> bytes:
        """The raw body is the image."""
        return data

    def forward(self, data: list[bytes]) -> list[dict[str, Any]]:
        """Answers of a batch."""
        return self.core.classify(data)

    def serialize(self, data: dict[str, Any]) -> bytes:
        """JSON."""
        return json.dumps(data).encode()


if __name__ == "__main__":
    sys.argv += ["--address", "127.0.0.1", "--port", str(given.PORT), "--timeout", "60000"]
    server = Server()
    server.append_worker(
        Classify, num=given.WORKERS, max_batch_size=given.MAX_BATCH_SIZE, max_wait_time=1
    )
    server.run()
