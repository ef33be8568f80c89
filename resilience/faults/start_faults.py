"""Faults of a start: a worker hangs while it loads the model."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from harness.servers import Server, running, toy_home, wait_until_ready
from resilience.faults.process_faults import REPLACE_SECONDS, STOP_SECONDS
from resilience.faults.scene import Row
from resilience.processes import health, until, workers

START_SECONDS = 15.0


def hang_while_loading(folder: Path) -> Row:
    """A worker hangs before it serves: it is killed, and another serves in its place."""
    row = Row()
    with _hanging(folder) as (server, victim):
        begun = time.monotonic()
        until(lambda: not victim.is_running(), REPLACE_SECONDS, f"worker {victim.pid} killed")
        row.expect("has not started in" in server.log, "the log does not say so")
        wait_until_ready(server)
        row.recovery = time.monotonic() - begun
        row.expect(health(server) == 200, "not healthy")
    return row


def terminate_while_loading(folder: Path) -> Row:
    """``SIGTERM`` while a worker hangs before it serves: the service ends all the same."""
    row = Row()
    with _hanging(folder) as (server, _):
        begun = time.monotonic()
        status = server.stop()
        row.recovery = time.monotonic() - begun
        row.expect(status == 0, f"exit status {status}")
        row.expect(row.recovery <= STOP_SECONDS, "not ended within 30 s")
    return row


@contextmanager
def _hanging(folder: Path) -> Iterator[tuple[Server, psutil.Process]]:
    """A server whose only worker is stopped as soon as its process exists."""
    settings = {
        "CLASSIFIER_WORKERS": "1",
        "CLASSIFIER_START_TIMEOUT_MS": str(int(START_SECONDS * 1000)),
    }
    with running(toy_home(folder), folder, settings, wait=False) as server:
        until(lambda: bool(workers(server)), REPLACE_SECONDS, "a worker is started")
        (victim,) = workers(server)
        victim.suspend()
        yield server, victim
