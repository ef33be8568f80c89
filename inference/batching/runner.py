"""OnnxRunner: admits the images of requests, if they can be answered in time."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic

from errors import ClassifierError, InternalError, ModelUnavailable, Overloaded, without_traces
from inference.batching import metrics
from inference.batching.pipeline import (
    Answer,
    Input,
    Output,
    Pipeline,
    Prepare,
    RunnerOptions,
    WantsEmbedding,
)
from inference.sessions.session import Session

PrepareApart = Callable[[Input, float], Awaitable[Input]]
"""Makes, by a deadline, an input that ``Prepare`` has pixels for. Raises a ClassifierError."""

QUEUE_SHARE = 1 / 3
"""Share of the time to a deadline that an image may be expected to spend in the queue: hardly any
accepted image misses its deadline, and an overload is over soon after its cause."""

_CLOSING_SECONDS = 0.005
"""Until it is checked again whether all accepted inputs are answered."""


class OnnxRunner(Generic[Input, Output]):
    """Answers for inputs that arrive one by one, computed in batches.

    Must be created in the event loop that uses it. Deadlines are ``time.monotonic()`` seconds.

    Args:
        prepare: makes the pixels of an input; runs in a thread.
        prepare_apart: for the inputs that ``prepare`` leaves to it; its result passes through
            ``prepare`` once more; runs in the event loop.
        answer: makes an answer of an input's probabilities; runs in the session's thread or, if
            that feeds a GPU, in the event loop, so that the GPU never waits for it.
        wants_embedding: whether an input does; the session then gives the embeddings of its batch.
    """

    def __init__(  # noqa: PLR0913
        self,
        session: Session,
        prepare: Prepare[Input],
        prepare_apart: PrepareApart[Input],
        answer: Answer[Input, Output],
        options: RunnerOptions,
        *,
        wants_embedding: WantsEmbedding[Input],
    ) -> None:
        self._pipeline = Pipeline(session, prepare, answer, wants_embedding, options)
        self._submit = self._pipeline.submit
        self._prepare_apart = prepare_apart
        self._max_pending = options.max_pending_images
        self._pending = 0
        self._apart = 0
        self._closing = False

    def warm_up(self) -> None:
        """Run what costs more the first time, so that no request pays for it."""
        self._pipeline.warm_up()

    async def infer_one(self, value: Input, deadline: float) -> Output:
        """Classify an image, given as ``prepare`` takes it.

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
        """Classify the images of one request, given as ``prepare`` takes them.

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
        """Seconds that decoding an image, or running a batch, has taken; 0 without one."""
        return self._pipeline.batcher.busy_seconds()

    async def close(self) -> None:
        """Finish all accepted inputs, then stop the threads."""
        self._closing = True
        while self._pending or self._apart:
            await asyncio.sleep(_CLOSING_SECONDS)
        await self._pipeline.close()

    def check_room(self, count: int, deadline: float) -> None:
        """Refuse ``count`` images if they would not be answered in time.

        Raises:
            Overloaded: too many images wait, or for too long.
            ModelUnavailable: the runner is closed.
        """
        if self._closing:
            raise ModelUnavailable("the service is shutting down")
        wait = self._pending * self._pipeline.batcher.seconds_per_item
        if self._pending + count > self._max_pending:
            reason = f"there is room for {self._max_pending}"
        elif wait > QUEUE_SHARE * max(0.0, deadline - time.monotonic()):
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
        metrics.pending.now = self._pending

    def _release(self, count: int) -> None:
        self._pending -= count
        metrics.pending.now = self._pending

    @contextmanager
    def _preparing_apart(self) -> Iterator[None]:
        """Count a request whose images are prepared apart.

        Its images take no room in the queue until then: one request could fill it for seconds.
        ``prepare_apart`` itself limits how many requests wait.
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
        """Called for one image after the other: a request takes one place in that queue."""
        try:
            return await self._answer_apart(value, deadline)
        except ClassifierError as error:
            return without_traces(error)
