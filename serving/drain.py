"""The end in good order: first not ready, then no new connections, then what was taken."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn

from serving.health import Monitor
from serving.spreading import running_server


def drain_first(monitor: Monitor, seconds: float, begun: Callable[[], None]) -> None:
    """At SIGTERM serve on for some seconds, but say that the service is not ready.

    Who spreads the requests over several services has so long to see it; meanwhile every
    response closes its connection, so that no client sends into a closing one.

    Args:
        monitor: that is told.
        seconds: until the server's own handler closes the door.
        begun: called in the event loop, as soon as it is asked for.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    close = signal.getsignal(signal.SIGTERM)
    if not callable(close):
        return
    loop, server = asyncio.get_running_loop(), running_server()

    def begin(number: int, frame: FrameType | None) -> None:
        if monitor.draining:  # asked twice
            close(number, frame)
            return
        monitor.draining = True
        loop.call_soon_threadsafe(begun)
        if seconds:
            loop.call_soon_threadsafe(loop.call_later, seconds, close, number, frame)
        else:
            close(number, frame)

    signal.signal(signal.SIGTERM, begin)
    end_if_told(server)


def end_if_told(server: uvicorn.Server | None = None) -> None:
    """End a worker that was told to while it started.

    uvicorn would open the door all the same, and reset what comes in. Nothing has been taken
    yet that there would be to answer.

    Args:
        server: of this process; the one that handles its signals by default.
    """
    server = server or running_server()
    if server is not None and server.should_exit:
        os._exit(0)
