"""Connections spread evenly over the workers.

All workers accept from one listening socket. The first worker to wake could take all connections
of a client's pool, and keep them while the other workers idle. So a worker accepts a connection
only if no other worker has fewer, and otherwise leaves it in the kernel's queue, where it is safe.

A worker that starts after its clients would still get none. So a worker with too many connections
says ``Connection: close`` in some responses, and those clients connect again.
"""

import asyncio
import os
import resource
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from functools import partial

from serving.workers.table import WorkerTable

# Between two looks at whether the workers are uneven. Each look closes one connection at most:
# a closed one needs time to come back to another worker.
_LOOK_SECONDS = 0.02

# Until a worker looks again for a connection that it has left to another.
_TURN_SECONDS = 0.005

# A connection that no worker has taken for this long may be taken by any.
_LONGEST_TURN_SECONDS = 0.1

# If more connections wait, any worker takes them: so many are a flood, which must not delay others.
_MOST_WAITING = 128

# Linux's tcp_info: of a listening socket, tcpi_unacked is the number of waiting connections.
_UNACKED = struct.Struct("24xI")

# After this long without a look, the waiting connection is a new one.
_NEW_TURN_SECONDS = 0.05

# A worker that has no descriptors left accepts nothing for this long.
_NO_DESCRIPTOR_SECONDS = 1.0

# Descriptors that connections leave to files and processes, at most a quarter of all: without
# them metrics break for good.
_OTHER_DESCRIPTORS = 64

# Added to the connections of a worker that is to get no more. More than any worker has.
_NO_MORE = 1 << 32


class Balancer:
    """Decides how many connections this worker keeps.

    Args:
        table: of all workers; None if there is only this process.
        worker: this one's number, counted from 1.
    """

    def __init__(self, table: WorkerTable | None = None, worker: int = 1) -> None:
        self._table = table
        self._worker = worker
        self._is_leaving = False
        self._next_look = 0.0

    def opened(self) -> None:
        """This worker has one connection more."""
        if self._table is not None:
            self._table.count(self._worker, 1)

    def closed(self) -> None:
        """This worker has one connection less."""
        if self._table is not None:
            self._table.count(self._worker, -1)

    def leave(self) -> None:
        """Leave all connections to the other workers, until this process ends."""
        if self._table is not None and not self._is_leaving:
            self._table.count(self._worker, _NO_MORE)
        self._is_leaving = True

    def should_accept(self) -> bool:
        """Whether no other worker has fewer connections."""
        return self._surplus() <= 0

    def should_close(self) -> bool:
        """Whether the response that is about to be sent should close its connection."""
        if self._is_leaving:
            return True
        if self._table is None:
            return False
        now = asyncio.get_running_loop().time()
        if now < self._next_look:
            return False
        self._next_look = now + _LOOK_SECONDS
        return self._surplus() > 1

    def _surplus(self) -> int:
        """How many connections this worker has more than the one with the fewest."""
        return self._table.surplus(self._worker) if self._table is not None else 0


class Listener:
    """Accepts connections from a socket that all workers listen on.

    Args:
        listening: the socket.
        protocol: makes a connection's protocol.
        balancer: says whose turn it is.
        context: of TLS; None without.
    """

    def __init__(
        self,
        listening: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        balancer: Balancer,
        context: ssl.SSLContext | None,
    ) -> None:
        self._socket = listening
        self._protocol = protocol
        self._balancer = balancer
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._turn_began = self._last_look = 0.0
        listening.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Accept no more. The socket stays open: it is the caller's."""
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._socket.fileno())
            if self._pause is not None:
                self._pause.cancel()

    async def wait_closed(self) -> None:
        """Nothing is left to wait for."""

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def _stop_listening(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._pause = self._loop.call_later(seconds, self._listen)

    def _accept(self) -> None:
        if not self._is_my_turn():
            self._stop_listening(_TURN_SECONDS)
            return
        try:
            if not self._has_descriptor():
                self._stop_listening(_NO_DESCRIPTOR_SECONDS)
                return
            accepted, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was faster, or the client has gone
        except OSError:
            self._stop_listening(_NO_DESCRIPTOR_SECONDS)
            return
        accepted.setblocking(False)
        self._balancer.opened()
        task = self._loop.create_task(
            self._loop.connect_accepted_socket(self._protocol, accepted, ssl=self._context)
        )
        self._tasks.add(task)
        task.add_done_callback(partial(self._made, accepted))

    def _has_descriptor(self) -> bool:
        """Whether there is one for a connection; OSError if there is none at all."""
        lowest = os.dup(self._socket.fileno())
        os.close(lowest)
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        others = min(_OTHER_DESCRIPTORS, limit // 4)
        return limit == resource.RLIM_INFINITY or lowest < limit - others

    def _is_my_turn(self) -> bool:
        now = self._loop.time()
        if now - self._last_look > _NEW_TURN_SECONDS:
            self._turn_began = now
        self._last_look = now
        is_late = now - self._turn_began > _LONGEST_TURN_SECONDS
        if is_late or self._balancer.should_accept() or _waiting(self._socket) > _MOST_WAITING:
            self._turn_began = now
            return True
        return False

    def _made(self, accepted: socket.socket, task: "asyncio.Task[object]") -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception():  # TLS failed: there is no connection
            accepted.close()
            self._balancer.closed()


def _waiting(listening: socket.socket) -> int:
    """How many connections no worker has accepted yet; 0 where the system does not say."""
    if sys.platform != "linux" or listening.family == socket.AF_UNIX:
        return 0
    info = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED.size)
    return int(_UNACKED.unpack(info)[0])
