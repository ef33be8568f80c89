"""Explainer: encoded image in, the explanation of its answer out; one at a time.

Plain classification costs no more for it: its thread and its session begin with the first
explanation, the session is closed when it was idle for some time, and the thread has a lower
priority than those that classify.
"""

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from errors import (
    DeadlineExceeded,
    InferenceFailed,
    ModelUnavailable,
    Overloaded,
    StartupError,
    value_or_raise,
)
from inference import Run
from inference.arrays import Probabilities
from inference.explanation.activations import ActivationSession, give_memory_back
from inference.explanation.occlusion import occlusion_maps
from model_spec import ONNX_FILE
from preprocessing.budget import DecodeBudget
from preprocessing.decode import size_of
from preprocessing.encoded import Encoded
from preprocessing.pixels import Picture, Pixels
from serving.classifier import Classifier
from serving.explanation.answers import EXPLANATION, Evidence, Method, check_classes, explanation
from serving.metrics.stages import ImageTimes, RequestTimes
from serving.parameters import Parameters
from settings import Settings

logger = logging.getLogger("image_classifier.explanation")

Result = TypeVar("Result")

_IDLE_SECONDS = 300.0
"""After the last explanation, until the session is closed."""

_CLOSING_SECONDS = 0.005
"""Until it is checked again whether all accepted requests are answered."""

_NICENESS = 5
"""Of the thread: with every processor busy it still gets a quarter of one (sched(7))."""


class Explainer:
    """Explains what a classifier answers; its methods take what the classifier's do.

    Belongs to the event loop in which it is used.
    """

    def __init__(self, classifier: Classifier, folder: Path, settings: Settings) -> None:
        self.classifier = classifier
        self._spec = classifier.spec
        self._folder = folder
        self._settings = settings
        self._pool = ThreadPoolExecutor(1, "explain", initializer=_lower_priority)
        self._session: ActivationSession | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._pending = 0
        self._closing = False

    def check_room(self) -> None:
        """Refuse an image that would wait too long, before it is read.

        Raises:
            Overloaded: too many explanations wait.
            ModelUnavailable: it is being closed.
        """
        if self._closing:
            raise ModelUnavailable("the service is shutting down")
        if self._pending >= self._settings.max_pending_explanations:
            raise Overloaded(f"{self._pending} explanations are waiting", retry_after=1)

    async def explain(
        self,
        image: Encoded,
        parameters: Parameters,
        deadline: float,
        times: RequestTimes | None = None,
    ) -> dict[str, Any]:
        """The response of ``/explain``.

        Raises:
            ClassifierError: the image cannot be explained, or not now.
        """
        times = times or RequestTimes()
        times.submit()
        answer = await self._admitted(image, parameters, deadline, times)
        times.answered = time.perf_counter()
        return answer | self.classifier.footer(times)

    async def classify(
        self,
        image: Encoded,
        parameters: Parameters,
        deadline: float,
        times: RequestTimes | None = None,
    ) -> dict[str, Any]:
        """The response of ``/classify`` with the explanation of ``/explain``.

        Raises:
            ClassifierError: the image cannot be explained, or not now.
        """
        times = times or RequestTimes()
        times.submit()
        found = await self._admitted(image, parameters, deadline, times)
        answer = await self.classifier.classify(image, parameters, deadline, times)
        return answer | {EXPLANATION: found}

    async def close(self) -> None:
        """Answer all accepted requests, then stop."""
        self._closing = True
        while self._pending:
            await asyncio.sleep(_CLOSING_SECONDS)
        if self._idle:
            self._idle.cancel()
        await asyncio.to_thread(self._pool.shutdown)

    async def _admitted(
        self, image: Encoded, parameters: Parameters, deadline: float, times: RequestTimes
    ) -> dict[str, Any]:
        """The response of ``/explain`` without its footer, if there is room."""
        check_classes(parameters, len(self._spec.labels))
        self.check_room()
        self._pending += 1
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await self._explain(image, parameters, deadline, times.new_image())
        except TimeoutError as error:
            raise DeadlineExceeded("the deadline passed before the image was explained") from error
        finally:
            self._pending -= 1
            self._close_session_later()

    async def _explain(
        self, image: Encoded, parameters: Parameters, deadline: float, times: ImageTimes
    ) -> dict[str, Any]:
        picture = await self._picture(image, deadline, times)
        began = time.perf_counter()
        if self._spec.explanation.class_activation:
            evidence = await self._in_thread(self._activations, picture.pixels)
        else:
            evidence = await self._occlusion(picture, deadline)
        times.run = Run(began, time.perf_counter())
        return await self._in_thread(explanation, evidence, picture, parameters, self._spec)

    async def _picture(self, image: Encoded, deadline: float, times: ImageTimes) -> Picture:
        budget = DecodeBudget(self._settings.decode_seconds)
        picture = await self._in_thread(self._ordinary_picture, image, budget, times)
        if picture is None:
            picture = await self.classifier.isolated.picture(image, budget, deadline)
            times.end_apart()
        return picture

    def _ordinary_picture(
        self, image: Encoded, budget: DecodeBudget, times: ImageTimes
    ) -> Picture | None:
        """None: it has to be decoded in a process of its own."""
        found = self.classifier.setup.ordinary(image, budget, times)
        if found is None:
            return None
        pixels, decoded = found
        return Picture(pixels, *size_of(decoded))

    async def _in_thread(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def _activations(self, pixels: Pixels) -> Evidence:
        if self._session is None:
            self._session = self._opened()
        try:
            found = self._session.run(pixels)
        except Exception as error:
            logger.exception("explaining an image failed")
            raise InferenceFailed("inference failed") from error
        return Evidence(
            Method.CLASS_ACTIVATION, found.probabilities, found.maps, found.logits, found.sums
        )

    def _opened(self) -> ActivationSession:
        """A session. Its files are checked again: they may have changed since the start."""
        names = [ONNX_FILE, *self._spec.explanation.files]
        try:
            self._spec.check_files(self._folder, names)
            return ActivationSession.open(self._folder, intra_op_threads=1)
        except StartupError as error:
            logger.error("cannot explain: %s", error)
            message = f"cannot load the maps: {' or '.join(names)} is missing or damaged"
            raise ModelUnavailable(message) from error

    async def _occlusion(self, picture: Picture, deadline: float) -> Evidence:
        async def classify(images: list[Pixels]) -> list[Probabilities]:
            rows = await self.classifier.probabilities(images, deadline)
            return [value_or_raise(row) for row in rows]

        probabilities, maps = await occlusion_maps(picture.pixels, classify)
        return Evidence(Method.OCCLUSION, probabilities, maps)

    def _close_session_later(self) -> None:
        """Close the session when it was idle for some time."""
        if self._idle:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(_IDLE_SECONDS, self._pool.submit, self._close_session)

    def _close_session(self) -> None:
        self._session = None
        give_memory_back()


def _lower_priority() -> None:
    """Let classifications go first. On Linux a thread has a niceness of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
