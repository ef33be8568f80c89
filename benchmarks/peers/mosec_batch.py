"""mosec: decode and inference in one worker stage, in batches."""

from typing import Any

from benchmarks.peers import given
from benchmarks.peers.mosec_one import Classify, serve


class ClassifyBatch(Classify):
    """Takes what waits."""

    def forward(self, data: list[bytes]) -> list[dict[str, Any]]:
        """The answers for a batch."""
        return self.core.classify(data)


if __name__ == "__main__":
    serve(given.MAX_BATCH_SIZE, ClassifyBatch)
