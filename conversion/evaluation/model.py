"""A converted model, with the decoding, the pixels and the session of the service."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from errors import BodyTooLarge, ClassifierError
from inference.cpus import usable_cpus
from inference.session import Probabilities, open_session
from preprocessing.budget import DecodeBudget
from preprocessing.isolated.decoder import IsolatedDecoder
from preprocessing.isolated.messages import Setup
from preprocessing.pixels import Pixels
from settings import Settings

BATCH = 16
"""Photographs that are read, decoded and classified together: what is held in memory at once."""


class Answer(NamedTuple):
    """What a model gave for a photograph.

    Attributes:
        pixels: that it saw, uint8 ``[H, W, 3]``.
        probabilities: float32 ``[classes]``.
    """

    pixels: Pixels
    probabilities: Probabilities


class Model:
    """A model of the model store.

    Attributes:
        tag: in the model store.
        session: the loaded model.
        seconds: that decoding and classifying took so far.
        answers: that it gave so far.

    Args:
        tag: in the model store.
        folder: of its files.
        settings: the service's: device and limits.

    Raises:
        StartupError: it cannot be loaded on that device.
    """

    def __init__(self, tag: str, folder: Path, settings: Settings) -> None:
        self.tag = tag
        self.session = open_session(
            folder, settings.device, intra_op_threads=usable_cpus(), max_batch_size=BATCH
        )
        self.seconds, self.answers = 0.0, 0
        self._settings = settings
        self._setup = Setup.from_settings(self.session.spec.preprocessing, settings)
        self._isolated = IsolatedDecoder(self._setup)
        self._threads = ThreadPoolExecutor(usable_cpus())
        # The first run of a session takes longer.
        self.session.run(np.zeros((1, *self.session.spec.pixels_shape), np.uint8))

    async def classify(self, images: Sequence[bytes]) -> list[Answer | ClassifierError]:
        """Classify up to ``BATCH`` encoded images; one that cannot be is an error in its place."""
        started = time.perf_counter()
        loop = asyncio.get_running_loop()
        ordinary = [
            loop.run_in_executor(self._threads, self._pixels_or_error, image) for image in images
        ]
        prepared = [
            await self._pixels_apart(image) if pixels is None else pixels
            for image, pixels in zip(images, await asyncio.gather(*ordinary), strict=True)
        ]
        good = [each for each in prepared if isinstance(each, np.ndarray)]
        rows = iter(await asyncio.to_thread(self.session.run, np.stack(good)) if good else ())
        self.answers += len(good)
        self.seconds += time.perf_counter() - started
        return [
            Answer(each, next(rows)) if isinstance(each, np.ndarray) else each for each in prepared
        ]

    async def close(self) -> None:
        """End the threads and the decoding process."""
        self._threads.shutdown()
        await self._isolated.close()

    def _pixels_or_error(self, image: bytes) -> Pixels | ClassifierError | None:
        """None if the image is to be decoded apart."""
        if len(image) > self._settings.max_body_bytes:
            return BodyTooLarge(f"more than {self._settings.max_body_bytes} bytes")
        try:
            return self._setup.ordinary_pixels(image, DecodeBudget(self._settings.decode_seconds))
        except ClassifierError as error:
            return error

    async def _pixels_apart(self, image: bytes) -> Pixels | ClassifierError:
        budget = DecodeBudget(self._settings.decode_seconds)
        deadline = time.monotonic() + self._settings.deadline
        try:
            return await self._isolated.pixels(image, budget, deadline)
        except ClassifierError as error:
            return error
