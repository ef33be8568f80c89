"""The BentoML service: ``bentoml serve`` in this folder, after a model was converted."""

import gc
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import bentoml

from errors import StartupError
from serving.api.schema import (
    ClassifyBatchInput,
    ClassifyBatchOutput,
    ClassifyInput,
    ClassifyOutput,
    Embedding,
    ExplainInput,
    ExplainOutput,
    HealthOutput,
)
from serving.bento import (
    IMAGE,
    ClassifierService,
    start_balancing,
    start_beating,
    start_classifier,
    start_recording,
)
from serving.health import Monitor
from serving.metrics import requests as request_metrics
from serving.metrics.storage import choose_metrics_folder
from serving.parameters import MapForm, Parameters, checked_embedding
from serving.workers.preflight import preflight, serve_only
from serving.workers.sizing import workers
from serving.workers.supervisor import supervise
from settings import Device, current_settings

if TYPE_CHECKING:
    import asyncio

logging.getLogger("image_classifier").setLevel(logging.INFO)

try:
    settings = current_settings()
except StartupError as error:
    raise SystemExit(f"error: {error}") from error

choose_metrics_folder()

_NEW_OBJECTS = 20_000
"""Objects between two garbage collections. Python's default of 700 is two or three requests."""


@bentoml.service(
    name="image_classifier",
    service_class=ClassifierService,
    image=IMAGE,
    workers=workers(settings),
    # The machine that builds the Bento need not have the GPUs that it is deployed on.
    resources={} if settings.device is Device.CPU else {"gpu": settings.gpus},
    # Counted and logged at the front door: serving/metrics/requests.py.
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
class ImageClassifier:
    """Photographs in, class probabilities out: POST an image to /classify."""

    def __init__(self) -> None:
        self.monitor = Monitor()
        self._beats: asyncio.Task[None] | None = None
        self._records: asyncio.Task[None] | None = None

    @bentoml.on_deployment  # makes it a static method
    def check() -> None:
        """In the supervisor: refuse in one line what could not be served, then watch."""
        try:
            serve_only(preflight(_service().model_tag(settings), settings))
        except StartupError as error:
            raise SystemExit(f"error: {error}") from error
        supervise(workers(settings), settings.start_timeout_ms / 1000)

    @bentoml.on_startup
    async def start(self) -> None:
        """Load the model before the worker takes requests."""
        _service().monitor = self.monitor
        await start_classifier(self.monitor, _service().model_tag(settings), settings)
        self._beats = start_beating(self.monitor)
        self._records = start_recording(self.monitor)
        start_balancing(self.monitor, settings)
        # Objects that exist now live until the end: exclude them from garbage collection, and
        # collect less often.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS)

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Finish the accepted requests."""
        if self.monitor.explainer:
            await self.monitor.explainer.close()
        if self.monitor.classifier:
            await self.monitor.classifier.close()
        request_metrics.write()
        for task in filter(None, (self._beats, self._records)):
            task.cancel()

    def __is_ready__(self) -> bool:
        return self.monitor.unready() is None

    # The front door (serving/transport/front_door.py) answers HTTP requests with the same
    # classifier. The methods below describe the contract to BentoML's clients and documents, and
    # serve callers in this process or from another BentoML service.

    @bentoml.api(input_spec=ClassifyInput, output_spec=ClassifyOutput)
    async def classify(  # noqa: PLR0913, PLR0917
        self,
        image: Path,
        top_k: int | None = None,
        threshold: float | None = None,
        embedding: Embedding | None = None,
        normalised: bool | None = None,
        explain: bool | None = None,
        class_ids: list[int] | None = None,
        map: MapForm | None = None,  # noqa: A002
    ) -> ClassifyOutput:
        """Classify one image, and say why if that is asked for."""
        parameters = _parameters(top_k, threshold, embedding, normalised)._replace(
            explain=explain, class_ids=tuple(class_ids) if class_ids else None, map=map
        )
        answering = self.monitor.classifier_for(parameters)
        answer = await answering.classify(image.read_bytes(), parameters, _deadline())
        return ClassifyOutput.model_validate(answer)

    @bentoml.api(input_spec=ClassifyBatchInput, output_spec=ClassifyBatchOutput)
    async def classify_batch(
        self,
        images: list[Path],
        top_k: int | None = None,
        threshold: float | None = None,
        embedding: Embedding | None = None,
        normalised: bool | None = None,
    ) -> ClassifyBatchOutput:
        """Classify several images; one that cannot be classified is an error in its place."""
        classifier = self.monitor.ready_classifier()
        encoded = [image.read_bytes() for image in images]
        parameters = _parameters(top_k, threshold, embedding, normalised)
        answer = await classifier.classify_batch(encoded, parameters, _deadline())
        return ClassifyBatchOutput.model_validate(answer)

    @bentoml.api(input_spec=ExplainInput, output_spec=ExplainOutput)
    async def explain(
        self,
        image: Path,
        top_k: int | None = None,
        class_ids: list[int] | None = None,
        map: MapForm = MapForm.VALUES,  # noqa: A002
    ) -> ExplainOutput:
        """Classify one image and say where the model sees each class."""
        wanted = tuple(class_ids) if class_ids else None
        parameters = Parameters(top_k, class_ids=wanted, map=map)
        explainer = self.monitor.ready_explainer()
        answer = await explainer.explain(image.read_bytes(), parameters, _deadline())
        return ExplainOutput.model_validate(answer)

    @bentoml.api(output_spec=HealthOutput)
    async def health(self) -> HealthOutput:
        """Whether the model can classify, and on what it runs."""
        return HealthOutput.model_validate(self.monitor.health().model_dump())


def _service() -> ClassifierService:
    """The service that the decorator made of the class."""
    return cast("ClassifierService", ImageClassifier)


def _parameters(
    top_k: int | None,
    threshold: float | None,
    embedding: Embedding | None,
    normalised: bool | None,
) -> Parameters:
    form = None if embedding is None else checked_embedding(embedding)
    return Parameters(top_k, threshold, form, normalised)


def _deadline() -> float:
    return time.monotonic() + settings.deadline
