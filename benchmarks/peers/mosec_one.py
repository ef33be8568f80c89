"""mosec: decode and inference in one worker stage, as many processes as processors.

Without batching: no request waits for others, and on a CPU thread a batch saves little.
"""

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

    def forward(self, data: Any) -> Any:
        """The answer for an image."""
        (answer,) = self.core.classify([data])
        return answer

    def serialize(self, data: dict[str, Any]) -> bytes:
        """JSON."""
        return json.dumps(data).encode()


def serve(max_batch_size: int, worker: type[Classify]) -> None:
    """Until stopped."""
    sys.argv += ["--address", "127.0.0.1", "--port", str(given.PORT), "--timeout", "60000"]
    server = Server()
    # 1 ms is the shortest wait for company that mosec takes.
    server.append_worker(worker, num=given.WORKERS, max_batch_size=max_batch_size, max_wait_time=1)
    server.run()


if __name__ == "__main__":
    serve(1, Classify)
