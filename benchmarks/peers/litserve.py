"""LitServe with batching: as many workers and as many HTTP servers as processors.

Without a wait for company, its idle workers would keep the processors busy asking for work.
"""

from typing import Annotated, Any

import litserve
from fastapi import Body

from benchmarks.measurement.core import Core
from benchmarks.peers import given


class Classify(litserve.LitAPI):
    """The whole classifier."""

    def setup(self, device: str) -> None:
        """In each worker."""
        self.core = Core(given.MODEL)

    def decode_request(self, request: Annotated[bytes, Body(media_type="image/jpeg")]) -> bytes:
        """The raw body is the image."""
        return request

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        """As they are."""
        return inputs

    def predict(self, x: list[bytes]) -> list[dict[str, Any]]:
        """Answers of a batch."""
        return self.core.classify(x)

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """As they are."""
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """JSON."""
        return output


if __name__ == "__main__":
    api = Classify(api_path="/classify", max_batch_size=given.MAX_BATCH_SIZE, batch_timeout=0.001)
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=given.WORKERS, fast_queue=True, timeout=60
    )
    server.run(
        host="127.0.0.1",
        port=given.PORT,
        num_api_servers=given.WORKERS,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
