"""A converted model, with the service's decoding, resizing and session.

Only the order of the images decides which of them share a ``session.run``. So the same images in
the same order give the same answers, to the last bit, in any process.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from batch.classification.decoding import Content, Decoder
from errors import ClassifierError
from inference.arrays import Embeddings, Probabilities
from inference.sessions.session import open_session
from preprocessing.pixels import Pixels
from serving.golden import check_session
from settings import Settings


class Arrangement(NamedTuple):
    """How a model uses its machine."""

    session_threads: int  # of one ``session.run`` on the CPU
    decode_threads: int  # that decode images; 0: the caller's own
    batch_size: int  # images in one ``session.run`` at most
    device_id: int | None = None  # CUDA's index of the GPU; None on the CPU


class Answer(NamedTuple):
    """What a model gave for a photograph."""

    pixels: Pixels  # that it saw, uint8 ``[H, W, 3]``
    probabilities: Probabilities  # float32 ``[classes]``
    embedding: Embeddings | None = None  # ``[size]``; None if none is wanted


class Model:
    """A model of the model store; with ``embeddings``, which its spec must name, answers have them.

    A StartupError if it cannot be loaded on the device, a ModelUnavailable if its answer for the
    golden image is wrong.
    """

    def __init__(
        self,
        tag: str,
        folder: Path,
        settings: Settings,
        arrangement: Arrangement,
        *,
        embeddings: bool = False,
    ) -> None:
        self.tag = tag
        self.session = open_session(
            folder,
            settings.device,
            intra_op_threads=arrangement.session_threads,
            device_id=arrangement.device_id or 0,
            max_batch_size=arrangement.batch_size,
        )
        self.max_bytes = settings.max_body_bytes  # of one image
        # Seconds of decoding and classifying so far, and the number of answers.
        self.seconds, self.answers = 0.0, 0
        self._embeddings = embeddings
        threads = arrangement.decode_threads
        self._decoder = Decoder(self.session.spec.preprocessing, settings, threads)
        self._decodes_beside = threads > 0
        self._turn = asyncio.Lock()
        # This is also the first run, which takes longer.
        check_session(self.session, folder)

    async def classify(
        self, images: Sequence[Content], *, apart: bool = False
    ) -> list[Answer | ClassifierError]:
        """Classify images, at most a batch; one that cannot be decoded is an error in its place.

        With ``apart`` all are decoded in the isolated process, not only the unusual ones.
        """
        started = time.perf_counter()
        prepared = await self._decoder.pixels(images, apart=apart)
        good = [each for each in prepared if isinstance(each, np.ndarray)]
        rows = iter(await self._run(np.stack(good)) if good else ())
        self.answers += len(good)
        self.seconds += time.perf_counter() - started
        return [
            Answer(each, *next(rows)) if isinstance(each, np.ndarray) else each for each in prepared
        ]

    async def close(self) -> None:
        """End the threads and the decoding process."""
        await self._decoder.close()

    async def _run(self, pixels: Pixels) -> list[tuple[Probabilities, Embeddings | None]]:
        if not self._decodes_beside:
            return self._rows(pixels)
        async with self._turn:
            return await asyncio.to_thread(self._rows, pixels)

    def _rows(self, pixels: Pixels) -> list[tuple[Probabilities, Embeddings | None]]:
        """Probabilities of each image, and its embedding if it is wanted."""
        if not self._embeddings:
            return [(row, None) for row in self.session.run(pixels)]
        return list(zip(*self.session.run_with_embeddings(pixels), strict=True))
