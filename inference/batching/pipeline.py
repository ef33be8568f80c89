"""The pipeline of one image: prepare → batch → session.run → answer, in threads."""

import asyncio
import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from errors import (
    ClassifierError,
    DeadlineExceeded,
    InferenceFailed,
    InternalError,
    value_or_raise,
    without_traces,
)
from inference.arrays import Embeddings, Pixels, Probabilities
from inference.batching import metrics
from inference.batching.batch_size import GROUP
from inference.batching.batcher import Batcher
from inference.sessions.session import Session
from settings import Device

logger = logging.getLogger("image_classifier.runner")

Input = TypeVar("Input")
Output = TypeVar("Output")

Prepare = Callable[[Input], Pixels | None]
"""Makes the pixels of one image, in the worker's own threads; None: it is to be prepared apart.
Raises a ClassifierError."""


class Run(NamedTuple):
    """A ``session.run``, from and to ``time.perf_counter()`` seconds."""

    began: float
    ended: float


class Row(NamedTuple):
    """What a run of the model gave for one image.

    Attributes:
        embedding: None unless an image of the batch asks for one.
    """

    probabilities: Probabilities
    run: Run
    embedding: Embeddings | None


Answer = Callable[[Input, Row], Output]
"""Makes the answer of an input and its row."""

WantsEmbedding = Callable[[Input], bool]
"""Whether an input asks for its embedding."""


@dataclass(frozen=True)
class RunnerOptions:
    """How a runner arranges its work.

    Attributes:
        max_batch_size: images in one ``session.run`` at most.
        max_group_size: images that the session's thread takes at a time and answers together,
            in one batch or more.
        max_batch_delay: seconds a batch may wait for more images.
        max_pending_images: images taken and not yet answered, at most.
        decode_threads: threads that prepare images ahead of the session, so that a GPU
            never waits; 0 prepares them in the session's own thread, which saves two
            hand-overs an image where the CPU does both.
    """

    max_batch_size: int
    max_group_size: int
    max_batch_delay: float
    max_pending_images: int
    decode_threads: int


class Pipeline(Generic[Input, Output]):
    """Turns inputs into answers, in batches: a batcher, its thread, and threads that decode ahead.

    Must be created in the event loop that uses it. ``inference.batching.runner.OnnxRunner`` says
    what its arguments are.
    """

    def __init__(
        self,
        session: Session,
        prepare: Prepare[Input],
        answer: Answer[Input, Output],
        wants_embedding: WantsEmbedding[Input],
        options: RunnerOptions,
    ) -> None:
        self._session = session
        self._prepare = prepare
        self._answer = answer
        self._wants_embedding = wants_embedding
        self._batch_sizes = batch_sizes(session.device, options.max_batch_size)
        self._batch = np.zeros((self._batch_sizes[-1], *session.spec.pixels_shape), np.uint8)
        self._joins = options.max_batch_size > GROUP
        self._pool: ThreadPoolExecutor | None = None
        self.submit: Callable[[Input, float], asyncio.Future[Output | None]]
        """Queue an input with its deadline; a future of its answer, None if it is to be prepared
        apart, or its own error."""
        batcher = partial(
            Batcher[Any, Any],
            max_delay=options.max_batch_delay,
            on_drop=metrics.dropped.inc,
        )
        if options.decode_threads:
            self._pool = ThreadPoolExecutor(options.decode_threads, "decode")
            self.batcher = batcher(self._infer, max_batch_size=options.max_batch_size)
            self.submit = partial(self._submit_decoded, self._pool)
        else:
            # An engine prepares for each size that it did not have the last time.
            self.batcher = batcher(
                self._classify,
                max_batch_size=options.max_group_size,
                multiple=options.max_batch_size,
            )
            self.submit = self.batcher.submit

    def warm_up(self) -> None:
        """Run what costs more the first time, so that no request pays for it.

        On a GPU each new shape costs a cuDNN search or a TensorRT build. On the CPU the
        largest makes the memory arena grow to its full size; OpenVINO prepares for each size.
        """
        any_size = self._session.device is Device.CPU
        for size in self._batch_sizes[-1:] if any_size else self._batch_sizes:
            self._session.run(self._batch[:size])

    async def close(self) -> None:
        """Stop the threads, after all accepted inputs are answered."""
        if self._pool:
            await asyncio.to_thread(self._pool.shutdown)
        await self.batcher.close()

    def _submit_decoded(
        self, pool: ThreadPoolExecutor, value: Input, deadline: float
    ) -> asyncio.Future[Output | None]:
        return asyncio.ensure_future(self._decode_ahead(pool, value, deadline))

    async def _decode_ahead(
        self, pool: ThreadPoolExecutor, value: Input, deadline: float
    ) -> Output | None:
        loop = asyncio.get_running_loop()
        pixels = await loop.run_in_executor(pool, self._prepare_in_time, value, deadline)
        if pixels is None:
            return None
        return self._answer(value, await self.batcher.submit((value, pixels), deadline))

    def _prepare_in_time(self, value: Input, deadline: float) -> Pixels | None:
        if time.monotonic() >= deadline:
            metrics.dropped.inc()
            raise DeadlineExceeded("the deadline passed before the image was decoded")
        started = time.perf_counter()
        try:
            return value_or_raise(self._prepare_or_error(value))
        finally:
            metrics.observe_prepared(time.perf_counter() - started)

    def _classify(self, inputs: list[Input]) -> list[Output | ClassifierError | None]:
        """A bad image fails here, before it joins the others, and keeps its own error."""
        inputs, prepared = self._prepared(inputs)
        good = [
            (value, each)
            for value, each in zip(inputs, prepared, strict=True)
            if isinstance(each, np.ndarray)
        ]
        size = self._batch_sizes[-1]
        batches = [good[start : start + size] for start in range(0, len(good), size)]
        outcomes = iter([each for batch in batches for each in self._infer_or_errors(batch)])
        return [
            self._answer_or_error(value, next(outcomes) if isinstance(each, np.ndarray) else each)
            for value, each in zip(inputs, prepared, strict=True)
        ]

    def _prepared(
        self, inputs: list[Input]
    ) -> tuple[list[Input], list[Pixels | ClassifierError | None]]:
        """The group and its pixels.

        Also admits images that arrive during decoding, if a batch is larger than a group: to decode
        them takes as long now as later, and saves a run of the session.
        """
        group, prepared = [*inputs], list[Pixels | ClassifierError | None]()
        started = time.perf_counter()
        while inputs:
            prepared += map(self._prepare_or_error, inputs)
            inputs = self.batcher.join() if self._joins else []
            group += inputs
        metrics.observe_prepared(time.perf_counter() - started)
        return group, prepared

    def _answer_or_error(
        self, value: Input, outcome: Row | ClassifierError | None
    ) -> Output | ClassifierError | None:
        if outcome is None or isinstance(outcome, ClassifierError):
            return outcome
        try:
            return self._answer(value, outcome)
        except Exception:
            logger.exception("answering for an image failed")
            return InternalError("answering for the image failed")

    def _infer_or_errors(
        self, batch: list[tuple[Input, Pixels]]
    ) -> Sequence[Row | ClassifierError]:
        self.batcher.progressed()
        try:
            return self._infer(batch)
        except Exception:
            logger.exception("inference failed for a batch of %d", len(batch))
            return [InferenceFailed("inference failed") for _ in batch]

    def _prepare_or_error(self, value: Input) -> Pixels | ClassifierError | None:
        self.batcher.progressed()
        try:
            return self._prepare(value)
        except ClassifierError as error:
            return without_traces(error)
        except Exception:
            logger.exception("preparing an image failed")
            return InternalError("preparing the image failed")

    def _infer(self, batch: list[tuple[Input, Pixels]]) -> Sequence[Row]:
        """Inputs with their uint8 ``[H, W, 3]`` pixels → their rows."""
        for index, (_, pixels) in enumerate(batch):
            self._batch[index] = pixels
        padded = self._batch_sizes[bisect_left(self._batch_sizes, len(batch))]
        with_embeddings = any(self._wants_embedding(value) for value, _ in batch)
        started = time.perf_counter()
        probabilities, embeddings = self._run(self._batch[:padded], with_embeddings)
        run = Run(started, time.perf_counter())
        metrics.observe_run(len(batch), run.ended - run.began)
        expected = (padded, len(self._session.spec.labels))
        if probabilities.shape != expected:
            raise RuntimeError(f"the model gave {probabilities.shape}, not {expected}")
        beside = repeat(None) if embeddings is None else embeddings
        rows = zip(probabilities[: len(batch)], beside, strict=False)
        return [Row(probable, run, embedding) for probable, embedding in rows]

    def _run(
        self, pixels: Pixels, with_embeddings: bool
    ) -> tuple[Probabilities, Embeddings | None]:
        if with_embeddings:
            return self._session.run_with_embeddings(pixels)
        return self._session.run(pixels), None


def batch_sizes(device: Device, max_batch_size: int) -> list[int]:
    """Batch sizes a session is run with, ascending.

    On the CPU every size is as good as any other. On a GPU each new shape is expensive
    once, so batches are padded to powers of two and to the maximum.
    """
    if device.on_cpu:
        return list(range(1, max_batch_size + 1))
    powers = (2**exponent for exponent in range(max_batch_size.bit_length()))
    return sorted({*powers, max_batch_size})
