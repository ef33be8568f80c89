"""Ray Serve with ``@serve.batch``: a replica per processor."""

from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.measurement.core import Core
from benchmarks.peers import given


@serve.deployment(num_replicas=given.WORKERS, max_ongoing_requests=256)
class Classifier:
    """The whole classifier."""

    def __init__(self) -> None:
        self.core = Core(given.MODEL)

    @serve.batch(max_batch_size=given.MAX_BATCH_SIZE, batch_wait_timeout_s=0.0)
    async def classify(self, images: list[bytes]) -> list[dict[str, object]]:
        """Answers of a batch."""
        return self.core.classify(images)

    async def __call__(self, request: Request) -> dict[str, object]:
        """The raw body is the image."""
        answer: dict[str, object] = await self.classify(await request.body())
        return answer


if __name__ == "__main__":
    ray.init(num_cpus=given.WORKERS, include_dashboard=False)
    serve.start(http_options={"host": "127.0.0.1", "port": given.PORT})
    deployment: Any = Classifier
    serve.run(
        deployment.bind(),
        route_prefix="/classify",
        blocking=True,
        logging_config={"enable_access_log": False},
    )
