"""BentoML as its documentation has it: a service that depends on one with ``batchable=True``."""

from pathlib import Path
from typing import Annotated, Any

import bentoml
import numpy as np
import numpy.typing as npt
from bentoml.validators import ContentType

from benchmarks.measurement.core import Core
from benchmarks.peers import given

Pixels = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]

_QUIET = {"access": {"enabled": False}}


@bentoml.service(workers=given.MODEL_WORKERS, logging=_QUIET)
class Model:
    """Pixels → probabilities, in batches."""

    def __init__(self) -> None:
        self.core = Core(given.MODEL)

    @bentoml.api(batchable=True, max_batch_size=given.MAX_BATCH_SIZE)
    def probabilities(self, pixels: Pixels) -> Probabilities:
        """uint8 ``[N, H, W, 3]`` → float32 ``[N, classes]``."""
        return self.core.probabilities(list(pixels))


@bentoml.service(workers=given.WORKERS, logging=_QUIET)
class Classifier:
    """Images → answers."""

    model = bentoml.depends(Model)

    def __init__(self) -> None:
        self.core = Core(given.MODEL)

    @bentoml.api
    async def classify(
        self, image: Annotated[Path, ContentType("image/jpeg")], /
    ) -> dict[str, Any]:
        """The raw body is the image."""
        pixels = self.core.pixels(image.read_bytes())
        (probabilities,) = await self.model.to_async.probabilities(pixels[None])
        return self.core.answer(probabilities)
