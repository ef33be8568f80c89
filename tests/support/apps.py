"""Small applications that tests serve from a thread of their own process."""

import contextlib
import threading
import time
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from harness.servers import free_port


@contextlib.contextmanager
def served(app: Starlette) -> Iterator[str]:
    """The URL of an application."""
    port = free_port()
    config = uvicorn.Config(app, "127.0.0.1", port, log_level="error", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
