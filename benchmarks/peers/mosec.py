"""mosec: decode and inference in one worker stage or in two, a process per processor for each."""

import json
import sys
from typing import Any

from mosec import Server, Worker

from benchmarks.measurement.core import Core
from benchmarks.peers import given


class _Stage(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.core = Core(given.MODEL)


class _Ingress(_Stage):
    def deserialize(self, data: bytes) -> bytes:
        return data


class _Egress(_Stage):
    def serialize(self, data: dict[str, Any]) -> bytes:
        return json.dumps(data).encode()


class Classify(_Ingress, _Egress):
    """The whole classifier."""

    def forward(self, data: Any) -> Any:
        """The answers for a batch of images; mosec gives a batch of one as the image itself."""
        if given.MAX_BATCH_SIZE == 1:
            return self.core.classify([data])[0]
        return self.core.classify(data)


class Decode(_Ingress):
    """Bytes → pixels."""

    def forward(self, data: bytes) -> Any:
        """uint8 ``[H, W, 3]``."""
        return self.core.pixels(data)


class Infer(_Egress):
    """Pixels → answers."""

    def forward(self, data: list[Any]) -> list[dict[str, Any]]:
        """Answers of a batch."""
        return [self.core.answer(row) for row in self.core.probabilities(data)]


if __name__ == "__main__":
    sys.argv += ["--address", "127.0.0.1", "--port", str(given.PORT), "--timeout", "60000"]
    server = Server()
    stages = [Classify] if given.STAGES == 1 else [Decode, Infer]
    for stage in stages:
        # 1 ms is the shortest wait for company that mosec takes.
        size = 1 if stage is Decode else given.MAX_BATCH_SIZE
        server.append_worker(stage, num=given.WORKERS, max_batch_size=size, max_wait_time=1)
    server.run()
