"""The decoding process and its keeper: ``python -m preprocessing.isolated.process``.

The keeper loads what decoding needs, then forks a process that decodes one image after the
other. When the kernel ends that process, the keeper answers in its place and forks the next one,
which takes milliseconds. A process that gave an image up, or that took much memory, ends by
itself, so that what its libraries have left behind touches no other image. Keeper and process end
when the worker closes its end of the connection. They ignore signals to end, which a container or a
terminal sends to all processes: the worker still needs their last answers.

Time is bounded everywhere, memory on Linux.
"""

import logging
import mmap
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path

from PIL import Image

from errors import CorruptImage, ImageError, InternalError
from preprocessing.decode import decode_scaled, size_of
from preprocessing.isolated.formats import install
from preprocessing.isolated.messages import (
    BUSY,
    REQUEST,
    SECONDS,
    SETUP_JSON,
    STARTED,
    Reply,
    Setup,
)
from preprocessing.transform import transform

logger = logging.getLogger("image_classifier.decoding")

_NICENESS = 5
"""Ordinary images go first. With all processors busy, this process still gets a quarter of one
(sched(7): the weights of nice 0 and 5 are 1024 and 335)."""

_OUT_OF_MEMORY_SCORE = "500"
"""If the machine runs out of memory, the kernel ends this process, not the worker (proc(5))."""

_LEAST_SECONDS = 0.001
"""Zero would switch a timer off."""

_ENDED, _RENEWED = 0, 3
"""Exit statuses of a process: the worker has gone; another process is needed."""

_FAILURES = (CorruptImage.code, InternalError.code)
"""Errors after which a decoder may be in an unknown state."""

_KEPT_MEMORY = 64 * 1024 * 1024
"""Bytes of memory that a process may take; after more it ends."""

_PAUSE_SECONDS = 0.1
"""Before the next process, if one has ended without an image: starting it may be what fails."""


def main() -> None:
    """Keep a decoding process; the arguments are two file descriptors and the setup."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    setup = SETUP_JSON.validate_json(sys.argv[3])
    memory = mmap.mmap(int(sys.argv[2]), setup.memory_size)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    formats = install()
    Image.init()  # or each process would load all plugins at its first file that is no image
    while _keep(connection, memory, setup, formats):
        pass


def _keep(
    connection: socket.socket, memory: mmap.mmap, setup: Setup, formats: tuple[str, ...]
) -> bool:
    """Have one process decode until it ends; returns whether another is needed."""
    process = os.fork()
    if process == 0:
        _bound(setup.memory_bytes)
        os._exit(_serve(connection, memory, setup, formats))
    _, status, usage = os.wait4(process, 0)
    code = os.waitstatus_to_exitcode(status)
    if memory[BUSY]:
        memory[BUSY] = 0
        (started,) = SECONDS.unpack_from(memory, STARTED)
        seconds = usage.ru_utime + usage.ru_stime - started
        return _send(connection, Reply(seconds=seconds, signal=os.WTERMSIG(status)))
    if code not in (_ENDED, _RENEWED):
        logger.warning("the decoding process has ended without an image: %d", code)
        time.sleep(_PAUSE_SECONDS)
    return code != _ENDED


def _send(connection: socket.socket, reply: Reply) -> bool:
    """Send a reply; returns whether the worker is still there."""
    try:
        connection.send(reply.model_dump_json().encode())
    except OSError:
        return False
    return True


def _bound(memory_bytes: int) -> None:
    """Bound the memory and the files of a decoding process; each image bounds its time."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        try:
            Path("/proc/self/oom_score_adj").write_text(_OUT_OF_MEMORY_SCORE, encoding="ascii")
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        except OSError as error:
            logger.warning("the memory that decoding takes is not bounded: %s", error)
        else:
            limit = pages * mmap.PAGESIZE + memory_bytes
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    # All that decoding needs is loaded: no file has to be opened.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _serve(
    connection: socket.socket, memory: mmap.mmap, setup: Setup, formats: tuple[str, ...]
) -> int:
    """Decode one image after the other; returns the exit status."""
    own = _peak_of_memory()
    while request := connection.recv(REQUEST.size):
        size, processor_seconds, seconds = REQUEST.unpack(request)
        SECONDS.pack_into(memory, STARTED, time.process_time())
        memory[BUSY] = 1
        signal.setitimer(signal.ITIMER_PROF, max(processor_seconds, _LEAST_SECONDS))
        signal.setitimer(signal.ITIMER_REAL, max(seconds, _LEAST_SECONDS))
        reply = _decode(memory, size, setup, formats)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        memory[BUSY] = 0
        if not _send(connection, reply):
            break
        failed = reply.out_of_memory or reply.code in _FAILURES
        if failed or _peak_of_memory() > own + _KEPT_MEMORY:
            return _RENEWED
    return _ENDED


def _peak_of_memory() -> int:
    """The most bytes that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _decode(memory: mmap.mmap, size: int, setup: Setup, formats: tuple[str, ...]) -> Reply:
    started = time.process_time()
    code, message, out_of_memory, whole = None, "", False, None
    try:
        encoded = memory[setup.encoded_start : setup.encoded_start + size]
        decoded = decode_scaled(encoded, setup.limits, setup.least_side, formats)
        pixels = transform(decoded.image, setup.preprocessing, decoded.box)
        memory[setup.pixels_start : setup.pixels_start + pixels.nbytes] = pixels.tobytes()
        whole = size_of(decoded)
    except ImageError as error:
        code, message = error.code, error.message
    except MemoryError:
        out_of_memory = True
    except Exception:
        logger.exception("decoding an image failed")
        code, message = InternalError.code, "decoding the image failed"
    seconds = time.process_time() - started
    return Reply(
        seconds=seconds, code=code, message=message, out_of_memory=out_of_memory, size=whole
    )


if __name__ == "__main__":
    main()
