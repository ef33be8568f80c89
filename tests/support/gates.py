"""What lets these tests stop real threads where they want them, instead of sleeping."""

import asyncio
import functools
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, ParamSpec

import numpy as np
import numpy.typing as npt

from errors import ClassifierError
from inference.batching.batcher import Batcher

PATIENCE = 20.0
"""Seconds after which a test that hangs fails; no test that passes waits so long."""

P = ParamSpec("P")


def later(seconds: float = PATIENCE) -> float:
    """A deadline, in seconds of ``time.monotonic``."""
    return time.monotonic() + seconds


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in an event loop of its own; errors that the loop would only log fail it."""

    async def watched(*args: P.args, **kwargs: P.kwargs) -> None:
        unseen: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, error: unseen.append(error))
        await asyncio.wait_for(test(*args, **kwargs), PATIENCE)
        assert unseen == []

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(watched(*args, **kwargs))

    return run


class Gate:
    """Threads pass it freely until it is shut."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._arrivals = threading.Semaphore(0)

    def shut(self) -> None:
        """Stop the threads that arrive from now on; arrivals count from here."""
        self._arrivals = threading.Semaphore(0)
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def pass_through(self) -> None:
        """What the stopped thread calls."""
        self._arrivals.release()
        if not self._open.wait(PATIENCE):
            raise TimeoutError("the test never opened the gate")

    async def arrival(self) -> None:
        """Wait until one more thread has arrived at the gate."""
        assert await asyncio.to_thread(self._arrivals.acquire, timeout=PATIENCE)


Answer = Callable[[list[int]], Sequence[int | ClassifierError]]


def tenfold(items: list[int]) -> list[int]:
    return [10 * item for item in items]


class Worker:
    """A batcher's process: records the batches and stops at a gate before it answers."""

    def __init__(self, answer: Answer = tenfold) -> None:
        self._answer = answer
        self.gate = Gate()
        self.batches: list[list[int]] = []
        self.dropped: list[int] = []

    def __call__(self, items: list[int]) -> Sequence[int | ClassifierError]:
        self.batches.append(items)
        self.gate.pass_through()
        return self._answer(items)

    @asynccontextmanager
    async def batcher(
        self, max_batch_size: int, max_delay: float = 0.0, multiple: int = 1
    ) -> AsyncIterator[Batcher[int, int]]:
        batcher: Batcher[int, int] = Batcher(
            self,
            max_batch_size=max_batch_size,
            multiple=multiple,
            max_delay=max_delay,
            on_drop=self.dropped.append,
        )
        try:
            yield batcher
        finally:
            self.gate.open()
            await batcher.close()

    @asynccontextmanager
    async def held(
        self, max_batch_size: int, seconds: float = PATIENCE
    ) -> AsyncIterator[tuple[Batcher[int, int], asyncio.Future[int]]]:
        """A batcher that is stopped at the gate with its first job, 0; and that job's future.

        Args:
            max_batch_size: of the batcher.
            seconds: until the first job's deadline.
        """
        self.gate.shut()
        async with self.batcher(max_batch_size) as batcher:
            first = batcher.submit(0, later(seconds))
            await self.gate.arrival()
            yield batcher, first


class GatedSession:
    """ONNX Runtime's session: records its batches, stops at a gate, then runs the real one."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.gate = Gate()
        self.batches: list[npt.NDArray[np.uint8]] = []
        self.outputs: list[list[str]] = []
        self.fail_next = False

    def run(self, outputs: list[str], inputs: dict[str, npt.NDArray[np.uint8]]) -> Any:
        (pixels,) = inputs.values()
        self.batches.append(pixels.copy())
        self.outputs.append(outputs)
        self.gate.pass_through()
        if self.fail_next:
            self.fail_next = False
            raise RuntimeError("the session was told to fail")
        return self._session.run(outputs, inputs)

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]
