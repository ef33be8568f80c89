"""The adaptive batcher: while one batch runs, arrivals queue; the queue is the next batch.

An idle worker thread starts at once: at low load a batch is one item and costs no delay. As the
load grows, batches grow by themselves, up to the maximum.
"""

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from errors import ClassifierError, DeadlineExceeded, InferenceFailed, ModelUnavailable

logger = logging.getLogger("image_classifier.batcher")

Item = TypeVar("Item")
Result = TypeVar("Result")

Process = Callable[[list[Item]], Sequence[Result | ClassifierError]]
"""Turns a batch into one result or error per item, in order; runs in the worker thread."""


@dataclass(eq=False, slots=True)
class _Job(Generic[Item, Result]):
    item: Item
    deadline: float
    arrival: float
    future: asyncio.Future[Result]
    expiry: asyncio.TimerHandle


# Jobs may join a batch during this share of the time from its first job's arrival to its deadline.
_JOINING = 1 / 3

# Weight of the newest batch in the running mean of the seconds one item takes.
_NEWEST = 0.1


class Batcher(Generic[Item, Result]):
    """A queue of jobs and one thread that processes them in batches.

    Belongs to the event loop it was created in; only its thread runs elsewhere.

    Attributes:
        seconds_per_item: running mean over the last batches; 0 before the first.

    Args:
        multiple: a batch of more jobs is cut to a multiple of this; the rest begins the next one.
        max_delay: seconds that the oldest waiting job may wait for a batch to fill.
        on_drop: called in the worker thread with the number of jobs that were dropped
            because they were cancelled or their deadline had passed.
    """

    def __init__(
        self,
        process: Process[Item, Result],
        *,
        max_batch_size: int,
        multiple: int = 1,
        max_delay: float,
        on_drop: Callable[[int], None],
    ) -> None:
        self._process = process
        self._max_batch_size = max_batch_size
        self._multiple = multiple
        self._max_delay = max_delay
        self._on_drop = on_drop
        self.seconds_per_item = 0.0
        self._busy_since: float | None = None
        self._loop = asyncio.get_running_loop()
        # From the event loop to the thread; None is the end.
        self._jobs: SimpleQueue[_Job[Item, Result] | None] = SimpleQueue()
        self._closing = False
        # The thread's own.
        self._waiting: deque[_Job[Item, Result]] = deque()
        self._batch: list[_Job[Item, Result]] = []
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    def submit(self, item: Item, deadline: float) -> asyncio.Future[Result]:
        """Queue an item, whose result is of no use after ``time.monotonic()`` seconds.

        Returns:
            A future of the item's own result or error. Cancelling it takes the item out
            of the queue if it has not been started.

        Raises:
            ModelUnavailable: the batcher is closed.
        """
        if self._closing:
            raise ModelUnavailable("the service is shutting down")
        now = time.monotonic()
        future: asyncio.Future[Result] = self._loop.create_future()
        expiry = self._loop.call_later(max(0.0, deadline - now), _expire, future)
        self._jobs.put(_Job(item, deadline, now, future, expiry))
        return future

    def busy_seconds(self) -> float:
        """Seconds that the current step of the current batch has taken; 0 without a batch."""
        started = self._busy_since
        return 0.0 if started is None else time.monotonic() - started

    def progressed(self) -> None:
        """Note that a step of the current batch is done; ``process`` calls it between steps."""
        if self._busy_since is not None:
            self._busy_since = time.monotonic()

    def join(self) -> list[Item]:
        """Add the jobs that arrived after this batch was formed; ``process`` may call this.

        Returns:
            Their items; ``process`` must append their outcomes to the others.
        """
        first = self._batch[0]
        if time.monotonic() - first.arrival > _JOINING * (first.deadline - first.arrival):
            return []
        joining = self._take(self._max_batch_size - len(self._batch))
        self._batch += joining
        return [job.item for job in joining]

    async def close(self) -> None:
        """Finish all accepted jobs, then stop the thread."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while batch := self._next_batch():
            self._busy_since = started = time.monotonic()
            self._batch = batch
            outcomes = self._outcomes(batch)
            self._busy_since = None
            newest = (time.monotonic() - started) / len(batch)
            previous = self.seconds_per_item or newest
            self.seconds_per_item = (1 - _NEWEST) * previous + _NEWEST * newest
            self._loop.call_soon_threadsafe(_settle, batch, outcomes)
            # Forget what was answered before the thread waits for the next job.
            self._batch = batch = []
            del outcomes

    def _next_batch(self) -> list[_Job[Item, Result]]:
        """Wait for live jobs; an empty list means: closed and nothing left to do."""
        while self._waiting or self._receive(math.inf):
            until = self._waiting[0].arrival + self._max_delay
            while self._max_delay and len(self._waiting) < self._max_batch_size:
                if not self._receive(until):  # no more jobs come in time
                    break
            if batch := self._take(self._max_batch_size):
                return self._cut(batch)
        return []

    def _cut(self, batch: list[_Job[Item, Result]]) -> list[_Job[Item, Result]]:
        """Cut a large batch to a multiple, and put the rest back into the queue."""
        over = len(batch) % self._multiple if len(batch) > self._multiple else 0
        kept = len(batch) - over
        self._waiting.extendleft(reversed(batch[kept:]))
        return batch[:kept]

    def _receive(self, until: float) -> bool:
        """Move one more job to this thread, if it comes until ``time.monotonic()`` seconds."""
        if self._ended:
            return False
        seconds = max(0.0, until - time.monotonic())
        try:
            job = self._jobs.get(seconds > 0, None if math.isinf(seconds) else seconds)
        except Empty:
            return False
        if job is None:
            self._ended = True
            return False
        self._waiting.append(job)
        return True

    def _take(self, most: int) -> list[_Job[Item, Result]]:
        """Up to ``most`` jobs that a client still waits for; others are dropped."""
        now = time.monotonic()
        live: list[_Job[Item, Result]] = []
        dead = 0
        while len(live) < most and (self._waiting or self._receive(now)):
            job = self._waiting.popleft()
            if job.deadline > now and not job.future.done():
                live.append(job)
            else:
                dead += 1
        if dead:
            self._on_drop(dead)
        return live

    def _outcomes(self, batch: list[_Job[Item, Result]]) -> Sequence[Result | ClassifierError]:
        try:
            outcomes = self._process([job.item for job in batch])
            if len(outcomes) != len(batch):
                raise RuntimeError(f"{len(batch)} items gave {len(outcomes)} results")
        except Exception:
            logger.exception("a batch of %d failed", len(batch))
            return [InferenceFailed("inference failed") for _ in batch]
        return outcomes


def _expire(future: asyncio.Future[Any]) -> None:
    """Answer in time even when the worker thread cannot; runs in the event loop."""
    if not future.done():
        future.set_exception(
            DeadlineExceeded("the deadline passed before the image was classified")
        )


def _settle(
    jobs: Iterable[_Job[Item, Result]], outcomes: Iterable[Result | ClassifierError]
) -> None:
    """Give each job its own outcome; runs in the event loop."""
    for job, outcome in zip(jobs, outcomes, strict=True):
        job.expiry.cancel()
        if job.future.done():  # its client has gone, or its deadline has passed
            continue
        if isinstance(outcome, ClassifierError):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)
