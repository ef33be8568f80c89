"""Encoded images → pixels, by the service's decoding and transform."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from errors import ClassifierError, RunnerError
from model_spec import Preprocessing
from preprocessing.budget import DecodeBudget, DecodeTimes
from preprocessing.isolated.decoder import IsolatedDecoder
from preprocessing.isolated.messages import Setup
from preprocessing.pixels import Pixels
from settings import Settings

Content = bytes | ClassifierError  # an encoded image, or the error of reading it

_DECODE_SECONDS = 3600.0
"""For one image on a busy machine; its processor time is bounded by the settings."""

_ATTEMPTS, _PAUSE_SECONDS = 3, 1.0  # for an image whose decoding process was ended from outside


class Decoder:
    """Decodes images as the service does; without threads of its own, in the caller's thread."""

    def __init__(self, preprocessing: Preprocessing, settings: Settings, threads: int = 0) -> None:
        self._settings = settings
        self._setup = Setup.from_settings(preprocessing, settings)
        self._isolated = IsolatedDecoder(self._setup)
        self._threads = ThreadPoolExecutor(threads, "decode") if threads else None

    async def close(self) -> None:
        """End the threads and the decoding process."""
        if self._threads:
            self._threads.shutdown()
        await self._isolated.close()

    async def pixels(
        self, images: Sequence[Content], *, apart: bool = False
    ) -> list[Pixels | ClassifierError]:
        """The pixels of images; an image that cannot be decoded is an error in its place.

        With ``apart`` all are decoded in the isolated process, not only the unusual ones. A
        RunnerError if that process keeps ending.
        """
        here = [None] * len(images) if apart else await self._ordinary(images)
        return [
            await self._pixels_apart(image) if pixels is None else pixels
            for image, pixels in zip(images, here, strict=True)
        ]

    async def _ordinary(self, images: Sequence[Content]) -> list[Pixels | ClassifierError | None]:
        """None for an image that is to be decoded apart."""
        if self._threads is None:
            return [self._pixels_or_error(image) for image in images]
        loop = asyncio.get_running_loop()
        return await asyncio.gather(
            *(loop.run_in_executor(self._threads, self._pixels_or_error, each) for each in images)
        )

    def _pixels_or_error(self, image: Content) -> Pixels | ClassifierError | None:
        if isinstance(image, ClassifierError):
            return image
        try:
            budget = DecodeBudget(self._settings.decode_seconds)
            found = self._setup.ordinary(image, budget, DecodeTimes())
            return None if found is None else found[0]
        except ClassifierError as error:
            return error

    async def _pixels_apart(self, image: Content) -> Pixels | ClassifierError:
        if isinstance(image, ClassifierError):
            return image
        attempts = _ATTEMPTS
        while True:
            budget = DecodeBudget(self._settings.decode_seconds)
            deadline = time.monotonic() + _DECODE_SECONDS
            try:
                return (await self._isolated.picture(image, budget, deadline)).pixels
            except RunnerError:
                attempts -= 1
                if not attempts:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
            except ClassifierError as error:
                return error
