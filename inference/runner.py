"""OnnxRunner: prepare → batch → session.run, for the requests of one process."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice, repeat
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from errors import (
    ClassifierError,
    DeadlineExceeded,
    InferenceFailed,
    InternalError,
    ModelUnavailable,
    Overloaded,
    value_or_raise,
    without_traces,
)
from inference import metrics
from inference.batch_size import GROUP
from inference.batcher import Batcher
from inference.session import Embeddings, Probabilities, Session
from settings import Device

logger = logging.getLogger("image_classifier.runner")

Input = TypeVar("Input")
Output = TypeVar("Output")
Pixels = npt.NDArray[np.uint8]

Prepare = Callable[[Input], Pixels | None]
"""Makes the pixels of one image, uint8 ``[H, W, 3]``, in the worker's own threads; None: it is to
be prepared apart. Raises a ClassifierError."""

PrepareApart = Callable[[Input, float], Awaitable[Input]]
"""Makes, by a deadline in ``time.monotonic()`` seconds, an input that ``Prepare`` has pixels for.
Raises a ClassifierError."""


class Run(NamedTuple):
    """A ``session.run``, from and to ``time.perf_counter()`` seconds."""

    began: float
    ended: float


class Row(NamedTuple):
    """What the model gave for one image.

    Attributes:
        probabilities: float32 ``[classes]``.
        run: that gave it.
        embedding: ``[size]``; None unless an image of the batch asks for one.
    """

    probabilities: Probabilities
    run: Run
    embedding: Embeddings | None


Answer = Callable[[Input, Row], Output]
"""Makes of an input's row what its client is told."""

WantsEmbedding = Callable[[Input], bool]
"""Whether an input asks for its embedding."""

PATIENCE = 1 / 3
"""Share of the time to a deadline that the queue may be expected to take: hardly anything
accepted comes too late, and an overload is over soon after its cause."""

_CLOSING_SECONDS = 0.005
"""Between two looks at whether everything that was taken is answered."""


@dataclass(frozen=True)
class RunnerOptions:
    """How a runner arranges its work.

    Attributes:
        max_batch_size: images in one ``session.run`` at most.
        max_group_size: images that the session's thread takes at a time and answers together,
            in one batch or more.
        max_batch_delay: seconds a batch may wait for company.
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


class OnnxRunner(Generic[Input, Output]):
    """Answers for inputs that arrive one by one, computed in batches.

    Must be created in the event loop that uses it.

    Args:
        session: the model.
        prepare: makes the pixels of an input; runs in a thread.
        prepare_apart: for the inputs that ``prepare`` leaves to it, of which each then passes
            through ``prepare`` once more; runs in the event loop.
        answer: makes an answer of an input's probabilities; runs where it keeps nobody waiting:
            in the session's thread, or, where that feeds a GPU, in the event loop.
        options: how to arrange the work.
        wants_embedding: of the batch of an input that does, the session gives all embeddings.
    """

    def __init__(  # noqa: PLR0913
        self,
        session: Session,
        prepare: Prepare[Input],
        prepare_apart: PrepareApart[Input],
        answer: Answer[Input, Output],
        options: RunnerOptions,
        *,
        wants_embedding: WantsEmbedding[Input] = lambda value: False,
    ) -> None:
        self._session = session
        self._prepare = prepare
        self._prepare_apart = prepare_apart
        self._answer = answer
        self._wants_embedding = wants_embedding
        self._max_pending = options.max_pending_images
        self._pending = 0
        self._apart = 0
        self._closing = False
        self._batch_sizes = batch_sizes(session.device, options.max_batch_size)
        self._batch = np.zeros((self._batch_sizes[-1], *session.spec.pixels_shape), np.uint8)
        self._joins = options.max_batch_size > GROUP
        self._pool: ThreadPoolExecutor | None = None
        self._submit: Callable[[Input, float], asyncio.Future[Output | None]]
        batcher = partial(
            Batcher[Any, Any],
            max_delay=options.max_batch_delay,
            on_drop=metrics.count_dropped,
        )
        if options.decode_threads:
            self._pool = ThreadPoolExecutor(options.decode_threads, "decode")
            self._batcher = batcher(self._infer, max_batch_size=options.max_batch_size)
            self._submit = partial(self._submit_decoded, self._pool)
        else:
            self._batcher = batcher(self._classify, max_batch_size=options.max_group_size)
            self._submit = self._batcher.submit

    def warm_up(self) -> None:
        """Run what costs more the first time, so that no request pays for it.

        On a GPU each new shape costs a cuDNN search or a TensorRT build. On the CPU the
        largest makes the memory arena grow to its full size; OpenVINO prepares for each size.
        """
        any_size = self._session.device is Device.CPU
        for size in self._batch_sizes[-1:] if any_size else self._batch_sizes:
            self._session.run(self._batch[:size])

    async def infer_one(self, value: Input, deadline: float) -> Output:
        """Classify an image.

        Args:
            value: what ``prepare`` takes.
            deadline: ``time.monotonic()`` seconds.

        Raises:
            Overloaded: there is no room for it, or no time.
            ModelUnavailable: the runner is closed.
            ClassifierError: what went wrong with it.
        """
        self._admit(1, deadline)
        try:
            answer = await self._submit(value, deadline)
        finally:
            self._release(1)
        if answer is not None:
            return answer
        with self._preparing_apart():
            return await self._answer_apart(value, deadline)

    async def infer(self, values: Sequence[Input], deadline: float) -> list[Output | BaseException]:
        """Classify the images of one request.

        Args:
            values: what ``prepare`` takes.
            deadline: ``time.monotonic()`` seconds.

        Returns:
            For each its answer or its own error.

        Raises:
            Overloaded: there is no room for all of them, or no time; none was taken.
            ModelUnavailable: the runner is closed.
        """
        self._admit(len(values), deadline)
        try:
            futures = [self._submit(each, deadline) for each in values]
            answers = await asyncio.gather(*futures, return_exceptions=True)
        finally:
            self._release(len(values))
        with self._preparing_apart():
            return [
                await self._answer_or_error_apart(value, deadline) if answer is None else answer
                for value, answer in zip(values, answers, strict=True)
            ]

    def busy_seconds(self) -> float:
        """For how long one image has been decoded or one batch been run; 0 without one."""
        return self._batcher.busy_seconds()

    async def close(self) -> None:
        """Finish what was taken, then stop the threads."""
        self._closing = True
        while self._pending or self._apart:
            await asyncio.sleep(_CLOSING_SECONDS)
        if self._pool:
            await asyncio.to_thread(self._pool.shutdown)
        await self._batcher.close()

    def check_room(self, count: int, deadline: float) -> None:
        """Refuse images that would not be answered in time.

        Args:
            count: of the images.
            deadline: ``time.monotonic()`` seconds.

        Raises:
            Overloaded: too many images wait, or for too long.
            ModelUnavailable: the runner is closed.
        """
        if self._closing:
            raise ModelUnavailable("the service is shutting down")
        wait = self._pending * self._batcher.seconds_per_item
        if self._pending + count > self._max_pending:
            reason = f"there is room for {self._max_pending}"
        elif wait > PATIENCE * max(0.0, deadline - time.monotonic()):
            reason = f"for about {wait:.1f} s"
        else:
            return
        metrics.count_refused(count)
        raise Overloaded(
            f"{self._pending} images are waiting, {reason}", retry_after=max(1, math.ceil(wait))
        )

    def _admit(self, count: int, deadline: float) -> None:
        self.check_room(count, deadline)
        self._pending += count
        metrics.set_pending(self._pending)

    def _release(self, count: int) -> None:
        self._pending -= count
        metrics.set_pending(self._pending)

    @contextmanager
    def _preparing_apart(self) -> Iterator[None]:
        """Count a request whose images are prepared apart.

        They take no room in the queue meanwhile, which many of one request could fill for
        seconds: who prepares them bounds how many requests wait.
        """
        self._apart += 1
        try:
            yield
        finally:
            self._apart -= 1

    async def _answer_apart(self, value: Input, deadline: float) -> Output:
        """Answer for an input that ``prepare`` has left."""
        prepared = await self._prepare_apart(value, deadline)
        self._pending += 1
        try:
            answer = await self._submit(prepared, deadline)
        finally:
            self._release(1)
        if answer is None:
            raise InternalError("preparing the image failed")
        return answer

    async def _answer_or_error_apart(self, value: Input, deadline: float) -> Output | BaseException:
        """One after the other: what one request sends apart takes one place there."""
        try:
            return await self._answer_apart(value, deadline)
        except ClassifierError as error:
            return without_traces(error)

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
        return self._answer(value, await self._batcher.submit((value, pixels), deadline))

    def _prepare_in_time(self, value: Input, deadline: float) -> Pixels | None:
        if time.monotonic() >= deadline:
            metrics.count_dropped(1)
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
        """The group and its pixels; with it, where a batch can hold more than a group, who
        comes meanwhile: decoding takes as long now as later, and a run is saved."""
        group, prepared = [*inputs], list[Pixels | ClassifierError | None]()
        started = time.perf_counter()
        while inputs:
            prepared += map(self._prepare_or_error, inputs)
            inputs = self._batcher.join() if self._joins else []
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
        self._batcher.progressed()
        try:
            return self._infer(batch)
        except Exception:
            logger.exception("inference failed for a batch of %d", len(batch))
            return [InferenceFailed("inference failed") for _ in batch]

    def _prepare_or_error(self, value: Input) -> Pixels | ClassifierError | None:
        self._batcher.progressed()
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
        padded = next(size for size in self._batch_sizes if size >= len(batch))
        with_embeddings = any(self._wants_embedding(value) for value, _ in batch)
        started = time.perf_counter()
        probabilities, embeddings = self._run(self._batch[:padded], with_embeddings)
        run = Run(started, time.perf_counter())
        metrics.observe_run(len(batch), run.ended - run.began)
        expected = (padded, len(self._session.spec.labels))
        if probabilities.shape != expected:
            raise RuntimeError(f"the model gave {probabilities.shape}, not {expected}")
        rows = map(
            Row, probabilities, repeat(run), repeat(None) if embeddings is None else embeddings
        )
        return list(islice(rows, len(batch)))

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
