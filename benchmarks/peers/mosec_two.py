"""mosec: decoding in one stage, inference in the next."""

import json
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
from mosec import Server, Worker

from benchmarks.core import Core
from benchmarks.peers import given

Pixels = npt.NDArray[np.uint8]


class Decode(Worker):
    """Bytes → pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Core(given.MODEL)

    def deserialize(self, data: bytes) -> bytes:
        """The raw body is the image."""
        return data

    def forward(self, data: bytes) -> Pixels:
        """uint8 ``[H, W, 3]``."""
        return self.core.pixels(data)


class Infer(Worker):
    """Pixels → answers."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Core(given.MODEL)

    def forward(self, data: list[Pixels]) -> list[dict[str, Any]]:
        """Answers of a batch."""
        return [self.core.answer(row) for row in self.core.probabilities(data)]

    def serialize(self, data: dict[str, Any]) -> bytes:
        """JSON."""
        return json.dumps(data).encode()


if __name__ == "__main__":
    sys.argv += ["--address", "127.0.0.1", "--port", str(given.PORT), "--timeout", "60000"]
    server = Server()
    server.append_worker(Decode, num=given.WORKERS)
    server.append_worker(
        Infer, num=given.WORKERS, max_batch_size=given.MAX_BATCH_SIZE, max_wait_time=1
    )
    server.run()
