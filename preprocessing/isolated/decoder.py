"""The worker's side: hands images to its decoding process, one at a time."""

import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from errors import (
    ClassifierError,
    CorruptImage,
    DeadlineExceeded,
    ImageError,
    ImageTooLarge,
    InternalError,
    ModelUnavailable,
    Overloaded,
)
from preprocessing.budget import DecodeBudget
from preprocessing.encoded import Encoded
from preprocessing.isolated.formats import CORRUPT
from preprocessing.isolated.messages import MAX_REPLY_BYTES, REQUEST, SETUP_JSON, Reply, Setup
from preprocessing.pixels import Picture

logger = logging.getLogger("image_classifier.decoding")

MAX_WAITING = 16
"""Requests that wait for the process; further ones are refused, so that unusual images do not take
the hundreds of places that ordinary ones have in their queue."""

_ERRORS: dict[str, type[ClassifierError]] = {
    InternalError.code: InternalError,
    **{error.code: error for error in ImageError.__subclasses__()},
}

_GRACE_SECONDS = 2.0
"""After the deadline, at which the kernel ends the process. If it has not, the process is stuck."""

_LARGE_BYTES = 1 << 20
"""To copy a larger image takes milliseconds: a thread does it, and gives its memory back after."""

_MODULE = "preprocessing.isolated.process"
_SOURCE = Path(__file__).parents[2]
# Threads take address space, which is bounded, and a fork does not copy them.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


class _Process(NamedTuple):
    """What a worker holds of its decoding process.

    Attributes:
        file: the memory that both sides see, never used for another process.
        keeper: leads the group of processes.
    """

    connection: socket.socket
    file: int
    keeper: subprocess.Popen[bytes]


class IsolatedDecoder:
    """Decodes images in a process of its own, one after the other.

    Belongs to the event loop in which it is used.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._closed = False
        self._process: _Process | None = None

    def start(self) -> None:
        """Start the process, so that the first image does not wait for its start."""
        connection, theirs = socket.socketpair()
        connection.setblocking(False)
        file = _unnamed_file(self._setup.memory_size)
        with theirs:
            try:
                keeper = self._keeper(theirs.fileno(), file)
            except OSError:
                connection.close()
                os.close(file)
                raise
        self._process = _Process(connection, file, keeper)

    def _keeper(self, *files: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", _MODULE, *map(str, files), SETUP_JSON.dump_json(self._setup)],
            pass_fds=files,
            cwd=_SOURCE,
            env=os.environ | _ONE_THREAD,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def picture(self, encoded: Encoded, budget: DecodeBudget, deadline: float) -> Picture:
        """Decode any image by ``time.monotonic()`` seconds, and transform it for the model.

        Counts the processor time of decoding in the budget.

        Raises:
            ImageError: the service does not take it, or decoding it takes too much.
            DeadlineExceeded: it did not get its turn in time, or took too long.
            Overloaded: too many requests wait.
            ModelUnavailable: the process has ended for another reason, or was closed.
        """
        await self._take_turn(deadline)
        job = asyncio.ensure_future(self._decode(encoded, budget, deadline))
        job.add_done_callback(self._end_turn)
        # A client may leave: the process is busy until it has answered, all the same.
        return await asyncio.shield(job)

    async def close(self) -> None:
        """End the process once it has answered every waiting caller."""
        async with self._turn:
            self._closed = True
            self._stop()

    async def _take_turn(self, deadline: float) -> None:
        if self._waiting >= MAX_WAITING:
            message = f"{self._waiting} requests wait with images that are not ordinary ones"
            raise Overloaded(message, retry_after=1)
        self._waiting += 1
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._turn.acquire()
        except TimeoutError as error:
            raise _late() from error
        finally:
            self._waiting -= 1

    def _end_turn(self, job: "asyncio.Future[Picture]") -> None:
        self._turn.release()
        if not job.cancelled():
            job.exception()  # the client may have left: asyncio would log it

    async def _decode(self, encoded: Encoded, budget: DecodeBudget, deadline: float) -> Picture:
        if self._closed:
            raise ModelUnavailable("the service is shutting down")
        if budget.seconds <= 0:
            raise budget.exhausted()
        if time.monotonic() >= deadline:
            raise _late()
        if len(encoded) > self._setup.max_encoded_bytes:
            raise ImageTooLarge(f"the image has more than {self._setup.max_encoded_bytes} bytes")
        reply = await self._ask(encoded, budget.seconds, deadline)
        budget.spend(reply.seconds)
        self._raise_for(reply, budget)
        assert self._process is not None
        assert reply.size is not None
        shape = self._setup.pixels_shape
        pixels = os.pread(self._process.file, math.prod(shape), self._setup.pixels_start)
        return Picture(np.frombuffer(pixels, np.uint8).reshape(shape), *reply.size)

    async def _ask(self, encoded: Encoded, budget: float, deadline: float) -> Reply:
        """Have an image decoded within a budget of processor time, by a deadline."""
        try:
            sent = await self._answer(encoded, budget, deadline)
        except (OSError, TimeoutError) as error:
            logger.warning("the decoding process does not answer and is replaced: %r", error)
            sent = b""
        if not sent:
            self._stop()
            raise ModelUnavailable("the process that decodes this kind of image has ended")
        return Reply.model_validate_json(sent)

    async def _answer(self, encoded: Encoded, budget: float, deadline: float) -> bytes:
        """The answer of the process, or of its keeper; empty if both have ended."""
        if self._process is None:
            self.start()
        assert self._process is not None
        connection, file, _ = self._process
        await self._write(encoded, file)
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise _late()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, REQUEST.pack(len(encoded), budget, seconds))
        reply = loop.sock_recv(connection, MAX_REPLY_BYTES)
        sent = await asyncio.wait_for(reply, seconds + _GRACE_SECONDS)
        if len(encoded) > _LARGE_BYTES:
            await asyncio.to_thread(self._give_back, file)
        return sent

    async def _write(self, encoded: Encoded, file: int) -> None:
        """Write an image into the shared memory; a large one in a thread."""
        start = self._setup.encoded_start
        if len(encoded) > _LARGE_BYTES:
            await asyncio.to_thread(os.pwrite, file, encoded, start)
        else:
            os.pwrite(file, encoded, start)

    def _give_back(self, file: int) -> None:
        """Give the memory of an image back to the system."""
        os.truncate(file, self._setup.encoded_start)
        os.truncate(file, self._setup.memory_size)

    def _raise_for(self, reply: Reply, budget: DecodeBudget) -> None:
        if reply.out_of_memory or reply.signal == signal.SIGKILL:
            limit = self._setup.memory_bytes
            raise ImageTooLarge(f"decoding the image takes more than {limit} bytes of memory")
        if reply.signal == signal.SIGPROF:
            budget.spend(budget.seconds)
            raise budget.exhausted()
        if reply.signal == signal.SIGALRM:
            raise _late()
        if reply.signal is not None:
            logger.warning("decoding an image ended its process with signal %d", reply.signal)
            raise CorruptImage(CORRUPT)
        if reply.code is not None:
            raise _ERRORS[reply.code](reply.message)

    def _stop(self) -> None:
        """End the keeper and its process, and close the memory that they share."""
        if self._process is None:
            return
        connection, file, keeper = self._process
        self._process = None
        connection.close()
        os.close(file)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended
            os.killpg(keeper.pid, signal.SIGKILL)
        keeper.wait()


def _late() -> DeadlineExceeded:
    return DeadlineExceeded("the deadline passed before the image was decoded")


def _unnamed_file(size: int) -> int:
    """A file in memory that processes share by its descriptor."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("image-classifier-decoding")
    else:
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    os.truncate(file, size)
    return file
