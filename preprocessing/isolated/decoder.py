"""The worker's side: hands images to its decoding process, one at a time."""

import asyncio
import logging
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from errors import (
    ClassifierError,
    CorruptImage,
    DeadlineExceeded,
    ExtremeAspectRatio,
    ImageTooLarge,
    InternalError,
    ModelUnavailable,
    Overloaded,
    UnsupportedImage,
)
from preprocessing.budget import DecodeBudget
from preprocessing.isolated.messages import MAX_REPLY_BYTES, REQUEST, Reply, Setup

logger = logging.getLogger("image_classifier.decoding")

Pixels = npt.NDArray[np.uint8]

MAX_WAITING = 16
"""Requests that wait for the process; further ones are refused. The queue of the ordinary
images has hundreds of places, which these must not take."""

_ERRORS: dict[str, type[ClassifierError]] = {
    error.code: error
    for error in (CorruptImage, ExtremeAspectRatio, ImageTooLarge, UnsupportedImage, InternalError)
}

_GRACE_SECONDS = 2.0
"""The kernel ends the process in time. If it has not by then, the process does not run at all."""

_KEPT_BYTES = 1 << 20
"""Shared memory beyond this is given back to the system when its image is done."""

_MODULE = "preprocessing.isolated.process"
_SOURCE = Path(__file__).parents[2]
# Threads have address space of their own, which is bounded, and cannot be forked.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


class IsolatedDecoder:
    """Decodes images in a process of its own, one after the other.

    Belongs to the event loop in which it is used.

    Args:
        setup: of the process.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._closed = False
        self._file = _unnamed_file(setup.memory_size)
        self._memory = mmap.mmap(self._file, setup.memory_size)
        self._connection: socket.socket | None = None
        self._keeper: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, so that the first image need not wait until it has."""
        self._connection, theirs = socket.socketpair()
        self._connection.setblocking(False)
        with theirs:
            files = (theirs.fileno(), self._file)
            self._keeper = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", _MODULE, *map(str, files), self._setup.to_json()],
                pass_fds=files,
                cwd=_SOURCE,
                env=os.environ | _ONE_THREAD,
                stdin=subprocess.DEVNULL,
            )

    async def pixels(
        self, encoded: bytes | memoryview, budget: DecodeBudget, deadline: float
    ) -> Pixels:
        """Decode an image and transform it to what the model takes.

        Args:
            encoded: any image.
            budget: that decoding may take; what it took is counted.
            deadline: ``time.monotonic()`` seconds.

        Returns:
            uint8 ``[H, W, 3]``.

        Raises:
            ImageError: the service does not take it, or decoding it takes too much.
            DeadlineExceeded: its turn did not come, or it was not done, in time.
            Overloaded: too many requests wait.
            ModelUnavailable: the process has ended for another reason, or is closed.
        """
        await self._take_turn(deadline)
        job = asyncio.ensure_future(self._decode(encoded, budget, deadline))
        job.add_done_callback(self._end_turn)
        # A client that leaves does not end the process: it is busy until it has answered.
        return await asyncio.shield(job)

    async def close(self) -> None:
        """End the process when it has answered everybody who waits for it."""
        async with self._turn:
            self._closed = True
            self._stop()
            self._memory.close()
            os.close(self._file)

    async def _take_turn(self, deadline: float) -> None:
        if not self._turn.locked():
            await self._turn.acquire()
            return
        if self._waiting >= MAX_WAITING:
            message = f"{self._waiting} requests wait with images that are not ordinary ones"
            raise Overloaded(message, retry_after=1)
        self._waiting += 1
        try:
            await asyncio.wait_for(self._turn.acquire(), deadline - time.monotonic())
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise DeadlineExceeded("the deadline passed before the image was decoded") from error
        finally:
            self._waiting -= 1

    def _end_turn(self, job: "asyncio.Future[Pixels]") -> None:
        self._turn.release()
        if not job.cancelled():
            job.exception()  # whoever waited for it may have left

    async def _decode(
        self, encoded: bytes | memoryview, budget: DecodeBudget, deadline: float
    ) -> Pixels:
        if self._closed:
            raise ModelUnavailable("the service is shutting down")
        if budget.seconds <= 0:
            raise budget.exhausted()
        if len(encoded) > self._setup.max_encoded_bytes:
            raise ImageTooLarge(f"the image has more than {self._setup.max_encoded_bytes} bytes")
        reply = await self._ask(encoded, budget.seconds, deadline - time.monotonic())
        budget.spend(reply.seconds)
        self._raise_for(reply, budget)
        height, width, channels = self._setup.pixels_shape
        start = self._setup.pixels_start
        pixels = np.frombuffer(self._memory[start : start + height * width * channels], np.uint8)
        return pixels.reshape(height, width, channels)

    async def _ask(self, encoded: bytes | memoryview, budget: float, seconds: float) -> Reply:
        """Have an image decoded within so many seconds of processor time and of the clock."""
        if self._connection is None:
            self.start()
        start, size = self._setup.encoded_start, len(encoded)
        self._memory[start : start + size] = encoded
        try:
            sent = await self._exchange(REQUEST.pack(size, budget, seconds), seconds)
        except (OSError, TimeoutError, asyncio.TimeoutError) as error:
            logger.warning("the decoding process does not answer and is replaced: %r", error)
            sent = b""
        if size > _KEPT_BYTES and sys.platform == "linux":
            self._memory.madvise(mmap.MADV_REMOVE, start, size)
        if not sent:
            self._stop()
            raise ModelUnavailable("the process that decodes this kind of image has ended")
        return Reply.from_bytes(sent)

    async def _exchange(self, request: bytes, seconds: float) -> bytes:
        """Send a request and wait for the reply; empty if the keeper has ended."""
        assert self._connection is not None
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._connection, request)
        reply = loop.sock_recv(self._connection, MAX_REPLY_BYTES)
        return await asyncio.wait_for(reply, seconds + _GRACE_SECONDS)

    def _raise_for(self, reply: Reply, budget: DecodeBudget) -> None:
        if reply.out_of_memory or reply.signal == signal.SIGKILL:
            limit = self._setup.memory_bytes
            raise ImageTooLarge(f"decoding the image takes more than {limit} bytes of memory")
        if reply.signal == signal.SIGPROF:
            budget.spend(budget.seconds)
            raise budget.exhausted()
        if reply.signal == signal.SIGALRM:
            raise DeadlineExceeded("the deadline passed before the image was decoded")
        if reply.signal is not None:
            logger.warning("decoding an image ended its process with signal %d", reply.signal)
            raise CorruptImage("the image is truncated or corrupt")
        if reply.code is not None:
            raise _ERRORS[reply.code](reply.message)

    def _stop(self) -> None:
        """Leave the process: at the end of the connection it ends."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._keeper is not None:
            self._keeper.kill()
            self._keeper.wait()
            self._keeper = None


def _unnamed_file(size: int) -> int:
    """A file in memory that processes share by its descriptor."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("image-classifier-decoding")
    else:
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    os.truncate(file, size)
    return file
