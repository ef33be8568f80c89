"""Classifier: a loaded model that answers for encoded images, and its health."""

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from errors import ClassifierError, InternalError, InvalidParameter
from inference import OnnxRunner, RunnerOptions, Session
from inference.answers.decision import decision, thresholds_for
from inference.answers.embedding import EmbeddingForm, as_json
from inference.answers.top_k import DECIMALS, prediction
from inference.arrays import Probabilities
from inference.batching.pipeline import Row
from inference.hardware.gpu import GpuMonitor
from preprocessing.budget import DecodeBudget
from preprocessing.encoded import Encoded
from preprocessing.isolated.decoder import IsolatedDecoder
from preprocessing.isolated.formats import format_of
from preprocessing.isolated.messages import Setup
from preprocessing.pixels import Pixels
from serving.golden import check_session
from serving.image_request import ImageRequest
from serving.metrics.predictions import Predictions, Seen
from serving.metrics.stages import ImageTimes, RequestTimes
from serving.parameters import (
    DEFAULT_TOP_K,
    EMBEDDING,
    Parameters,
    checked_threshold,
    checked_top_k,
)
from settings import Settings

logger = logging.getLogger("image_classifier")


class Classifier:
    """Encoded images in, the answers of the public contract out.

    Deadlines are ``time.monotonic()`` seconds. ``times`` are the caller's, and are filled in.

    Attributes:
        tag: of the model in the model store.
        setup: of decoding and transforming.
        isolated: decodes unusual images.
        gpu: that the session runs on; None without one.
        predictions: counts the answers for ``/metrics``; None before the worker is ready.
    """

    def __init__(
        self, tag: str, session: Session, options: RunnerOptions, settings: Settings
    ) -> None:
        self.tag = tag
        self.session = session
        self.spec = session.spec
        self._thresholds = thresholds_for(self.spec.thresholds, len(self.spec.labels))
        self._settings = settings
        self.setup = Setup.from_settings(self.spec.preprocessing, settings)
        self.isolated = IsolatedDecoder(self.setup)
        self._runner = OnnxRunner(
            session,
            self._pixels,
            self._decoded_apart,
            self._prediction,
            options,
            wants_embedding=ImageRequest.wants_embedding,
        )
        self.predictions: Predictions | None = None
        self.gpu = None if session.device_id is None else GpuMonitor(session.device_id)

    def start(self, folder: Path) -> None:
        """Start the decoding process, warm up, then classify the model's golden image.

        Raises:
            ModelUnavailable: the answer is not the one PyTorch gave at conversion.
        """
        self.isolated.start()
        self._runner.warm_up()
        check_session(self.session, folder)

    async def close(self) -> None:
        """Answer all accepted requests, then stop."""
        await self._runner.close()
        await self.isolated.close()

    def check_room(self, deadline: float) -> None:
        """Refuse an image that could not be answered by a deadline, before it is read.

        Raises:
            Overloaded: too many images wait, or for too long.
            ModelUnavailable: it is being closed.
        """
        self._runner.check_room(1, deadline)

    async def classify(
        self,
        image: Encoded,
        parameters: Parameters,
        deadline: float,
        times: RequestTimes | None = None,
    ) -> dict[str, Any]:
        """The response of ``/classify``.

        Raises:
            ClassifierError: the image cannot be classified, or not now.
        """
        times = times or RequestTimes()
        times.submit()
        request = self._request(image, parameters, self._budget(), times.new_image())
        answer: dict[str, Any] = await self._runner.infer_one(request, deadline)
        times.answered = time.perf_counter()
        self._count(image, answer)
        return answer | self.footer(times)

    async def classify_batch(
        self,
        images: Sequence[Encoded | ClassifierError],
        parameters: Parameters,
        deadline: float,
        times: RequestTimes | None = None,
    ) -> dict[str, Any]:
        """The response of ``/classify_batch``.

        An image that cannot be classified is an error in its place. An error among the images
        stays in its place.

        Raises:
            ClassifierError: none of them can be classified now.
        """
        times = times or RequestTimes()
        times.submit()
        budget = self._budget()
        readable = [
            self._request(image, parameters, budget, times.new_image())
            for image in images
            if not isinstance(image, ClassifierError)
        ]
        answers = iter(await self._runner.infer(readable, deadline))
        times.answered = time.perf_counter()
        outcomes = [
            image if isinstance(image, ClassifierError) else next(answers) for image in images
        ]
        results = [_prediction_or_error(outcome) for outcome in outcomes]
        for image, outcome in zip(images, outcomes, strict=True):
            if isinstance(outcome, dict) and not isinstance(image, ClassifierError):
                self._count(image, outcome)
        return {"results": results} | self.footer(times)

    async def probabilities(
        self,
        images: Sequence[Encoded | Pixels],
        deadline: float,
        times: RequestTimes | None = None,
    ) -> list[Probabilities | ClassifierError]:
        """The probabilities of several images, or what was wrong with them.

        Raises:
            ClassifierError: none of them can be classified now.
        """
        times = times or RequestTimes()
        times.submit()
        budget = self._budget()
        requests = [ImageRequest(image, None, None, budget, times.new_image()) for image in images]
        outcomes = await self._runner.infer(requests, deadline)
        times.answered = time.perf_counter()
        rows: list[Probabilities | ClassifierError] = [_safe(outcome) for outcome in outcomes]
        for image, row in zip(images, rows, strict=True):
            # Pixels have no format, and those of an explanation are no photographs.
            if not isinstance(row, ClassifierError) and not isinstance(image, np.ndarray):
                best = int(row.argmax())
                self._count(image, {"class_id": best, "confidence": float(row[best])})
        return rows

    def _count(self, image: Encoded, answer: dict[str, Any]) -> None:
        if self.predictions is not None:
            self.predictions.add(Seen(format_of(image), answer["class_id"], answer["confidence"]))

    def _budget(self) -> DecodeBudget:
        return DecodeBudget(self._settings.decode_seconds)

    def _pixels(self, request: ImageRequest) -> Pixels | None:
        if isinstance(request.image, np.ndarray):
            return request.image
        found = self.setup.ordinary(request.image, request.budget, request.times)
        return None if found is None else found[0]

    async def _decoded_apart(self, request: ImageRequest, deadline: float) -> ImageRequest:
        assert not isinstance(request.image, np.ndarray)
        picture = await self.isolated.picture(request.image, request.budget, deadline)
        request.times.end_apart()
        return request._replace(image=picture.pixels)

    def _request(
        self, image: Encoded, parameters: Parameters, budget: DecodeBudget, times: ImageTimes
    ) -> ImageRequest:
        classes, top_k, threshold = len(self.spec.labels), parameters.top_k, parameters.threshold
        embedding, normalised = parameters.embedding, parameters.normalised
        count = min(DEFAULT_TOP_K if top_k is None else checked_top_k(top_k), classes)
        thresholds = self._thresholds
        if threshold is not None:
            thresholds = thresholds_for((checked_threshold(threshold),), classes)
        request = ImageRequest(image, count, thresholds, budget, times)
        if embedding is None or embedding is EmbeddingForm.NONE:
            return request
        if self.spec.embedding is None:
            raise InvalidParameter(
                f"{EMBEDDING}: this model has none; its network does not end with a linear layer"
            )
        return request._replace(embedding=embedding, normalised=bool(normalised))

    def _prediction(self, request: ImageRequest, row: Row) -> Any:
        request.times.run = row.run
        if request.top_k is None:
            return row.probabilities
        probabilities, labels = row.probabilities, self.spec.labels
        found = prediction(probabilities, labels, request.top_k)
        if request.thresholds is not None:
            found |= decision(
                probabilities, request.thresholds, labels, multi_label=self.spec.multi_label
            )
        if row.embedding is not None and request.wants_embedding():
            embedding = as_json(row.embedding, request.embedding, normalised=request.normalised)
            found[EMBEDDING] = embedding
        return found

    def footer(self, times: RequestTimes) -> dict[str, Any]:
        """What every response says beside its predictions."""
        return {
            "processing_time": round(time.perf_counter() - times.submitted, DECIMALS),
            "gpu_utilization": self.gpu_utilization(),
            "model": self.tag,
            "activation": self.spec.activation.value,
        }

    def is_stuck(self) -> bool:
        """Whether a batch has been processed for so long that all its clients were answered 504."""
        return self._runner.busy_seconds() > self._settings.deadline

    def gpu_utilization(self) -> float | None:
        """Of the GPU in use, 0…1; None without one."""
        return self.gpu.utilization() if self.gpu else None


def _safe(outcome: Any) -> Any:
    """An answer, or an error that a client may see."""
    if isinstance(outcome, asyncio.CancelledError):
        raise outcome
    if isinstance(outcome, BaseException) and not isinstance(outcome, ClassifierError):
        logger.error("an image of a batch failed", exc_info=outcome)
        return InternalError("the image could not be classified")
    return outcome


def _prediction_or_error(outcome: dict[str, Any] | BaseException) -> dict[str, Any]:
    safe = _safe(outcome)
    return safe.envelope() if isinstance(safe, ClassifierError) else safe
