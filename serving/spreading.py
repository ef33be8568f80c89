"""Connections spread evenly over the workers.

All workers accept from one listening socket, and who wakes first takes whatever waits
there: often all connections of a client's pool, for as long as it keeps them, while the
other workers idle. So a worker that has accepted a connection although another has fewer
gives it away, through a Unix socket and before a byte of it is read. Clients that keep their
connections would still leave a worker without any that was started, or restarted, after them,
and another with too many when their neighbours go: such connections move between two requests.

Linux only, as are the names of its sockets; without TLS only, whose state cannot move.
Elsewhere each worker keeps what it accepts.
"""

import asyncio
import mmap
import os
import secrets
import signal
import socket
import sys
import time
from array import array
from collections.abc import Callable
from functools import partial

import numpy as np
import uvicorn
from typing_extensions import Self

from serving import shared_file
from serving.heartbeat import Heartbeats

_VARIABLE = "IMAGE_CLASSIFIER_CONNECTIONS"
_NAME = "IMAGE_CLASSIFIER_SOCKETS"

# Columns of a worker's row; behind them, how many connections it gave to each worker.
_OPEN, _TAKEN, _GIVEN = range(3)
_CELL = np.dtype(np.int64)

# More than any worker has open: the load of one that is not to be given any.
_NONE_FOR_ME = 1 << 32

# What is passed with a descriptor.
_NEW, _IDLE = b"\0", b"\1"

# A worker without descriptors left counts for so long as open what it lost, or the next would
# follow at once.
_OUT_OF_DESCRIPTORS_SECONDS = 1.0

# Between two looks at whether the workers have become uneven.
_LOOK_SECONDS = 0.05


class Connections:
    """How many connections each worker has, in one table that all of them see.

    Each worker writes into its own row only, so that nothing needs a lock: what it has open,
    what it has taken from others, what it has given to each of the others.

    Args:
        memory: of the table.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        cells: np.ndarray[tuple[int], np.dtype[np.int64]] = np.frombuffer(memory, _CELL)
        workers = int(np.sqrt(cells.size + 1)) - 1  # w · (w + 2) cells
        self._table = cells.reshape(workers, workers + _GIVEN)

    @classmethod
    def create(cls, workers: int) -> Self:
        """Make the table, for workers that are started from this process."""
        os.environ[_NAME] = f"image-classifier-{secrets.token_hex(8)}-"
        return cls(shared_file.create(_VARIABLE, workers * (workers + _GIVEN) * _CELL.itemsize))

    @classmethod
    def inherited(cls) -> Self | None:
        """The table of the process that started this one; None without one."""
        memory = shared_file.inherited(_VARIABLE)
        return cls(memory) if memory else None

    def begin(self, worker: int) -> None:
        """This is worker number ``worker``, counted from 0, which has none.

        What was given to it before it was started went down with its predecessor.
        """
        self._table[worker, _OPEN] = 0
        self._table[worker, _TAKEN] = self._table[:, _GIVEN + worker].sum()

    def count(self, worker: int, change: int) -> None:
        """Connections were opened, or closed."""
        self._table[worker, _OPEN] += change

    def give(self, worker: int, to: int) -> None:
        """A worker has given one to another."""
        self._table[worker, _GIVEN + to] += 1

    def take(self, worker: int) -> None:
        """A worker has taken one that was given to it."""
        self._table[worker, _TAKEN] += 1

    def loads(self) -> list[int]:
        """Of every worker: what it has open, and what is on its way to it."""
        given = self._table[:, _GIVEN:].sum(axis=0)
        loads: list[int] = (self._table[:, _OPEN] + given - self._table[:, _TAKEN]).tolist()
        return loads


class Spreader:
    """One worker's part in it.

    Args:
        worker: its number, counted from 0.
        connections: of all workers.
        heartbeats: of all workers.
        protocol: makes the protocol of a connection that was given to it, told whether that is
            idle: between two requests.
    """

    def __init__(
        self,
        worker: int,
        connections: Connections,
        heartbeats: Heartbeats,
        protocol: Callable[[bool], asyncio.Protocol],
    ) -> None:
        self._worker = worker
        self._connections = connections
        self._heartbeats = heartbeats
        self._protocol = protocol
        self._next_look = 0.0
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[object]] = set()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        connections.begin(worker)
        self._socket.bind(_address(worker))
        self._loop.add_reader(self._socket.fileno(), self._take)

    def opened(self) -> None:
        """This worker has a connection more."""
        self._connections.count(self._worker, 1)

    def closed(self) -> None:
        """This worker has a connection less."""
        self._connections.count(self._worker, -1)

    def leave(self) -> None:
        """Give every connection away that can be, and be given none, until this process ends."""
        self._connections.count(self._worker, _NONE_FOR_ME)

    def give_away(self, transport: asyncio.Transport) -> bool:
        """Give a new connection to the worker with the fewest, if that has fewer than this one.

        Returns:
            Whether it is gone; its transport is closed then.
        """
        least = self._least(fewer=1)
        return least is not None and self._give(transport, least, _NEW)

    def is_uneven(self) -> bool:
        """Whether another worker should have one of this one's open connections."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        if self._least(fewer=2) is not None:
            return True
        self._next_look = now + _LOOK_SECONDS
        return False

    def move(self, transport: asyncio.Transport) -> bool:
        """Give an open connection away, if that still makes the workers more even.

        Args:
            transport: with nothing to be written, nor read in part.

        Returns:
            Whether it is gone, and no longer counted here; its transport is closed then.
        """
        least = self._least(fewer=2)
        if least is None or not self._give(transport, least, _IDLE):
            return False
        self.closed()
        return True

    def _least(self, fewer: int) -> int | None:
        """The worker with the fewest connections, if it has so many fewer than this one."""
        loads = self._connections.loads()
        least = min(self._heartbeats.well(), key=loads.__getitem__, default=self._worker)
        return least if loads[self._worker] - loads[least] >= fewer else None

    def _give(self, transport: asyncio.Transport, to: int, kind: bytes) -> bool:
        descriptor = transport.get_extra_info("socket").fileno()
        try:
            self._socket.sendmsg([kind], _rights(descriptor), 0, _address(to))
        except OSError:  # its inbox is full, or it has just died
            return False
        self._connections.give(self._worker, to)
        transport.abort()
        return True

    def _take(self) -> None:
        while True:
            try:
                kind, descriptors, _, _ = socket.recv_fds(self._socket, 1, 1)
            except BlockingIOError:
                return
            self._connections.take(self._worker)
            # Counted as open at once: while it was neither that nor on its way, others would
            # give this worker too many.
            self.opened()
            if not descriptors:  # this process may have no more: the kernel closed it
                self._loop.call_later(_OUT_OF_DESCRIPTORS_SECONDS, self.closed)
                continue
            accepted = socket.socket(fileno=descriptors[0])
            accepted.setblocking(False)
            task = self._loop.create_task(
                self._loop.connect_accepted_socket(partial(self._protocol, kind == _IDLE), accepted)
            )
            self._tasks.add(task)
            task.add_done_callback(self._taken)

    def _taken(self, task: "asyncio.Task[object]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.closed()


def running_server() -> uvicorn.Server | None:
    """The server of this process; it is what its signals are handled by."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return server if isinstance(server, uvicorn.Server) else None


def can_spread(server: uvicorn.Server) -> bool:
    """Whether its connections can be given to other workers."""
    return sys.platform == "linux" and not server.config.is_ssl


def _rights(descriptor: int) -> list[tuple[int, int, bytes]]:
    """Ancillary data that passes a descriptor; socket.send_fds() knows no addresses."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [descriptor]).tobytes())]


def _address(worker: int) -> str:
    """In the abstract namespace: no file that would be left behind."""
    return f"\0{os.environ[_NAME]}{worker}"
