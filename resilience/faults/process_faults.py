"""Faults of the service's processes: they are killed, stopped or told to end."""

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from unittest import mock

import psutil

from harness.servers import Server, running
from load_generator.known_images import Outcome
from resilience.faults.scene import AFTERWARDS, TWO_WORKERS, Row, Scene, under_load
from resilience.processes import client_ports, health, healthy_worker, until, worker_ids, workers

REPLACE_SECONDS = 30.0
"""Until a successor has loaded the model and serves, on a machine that is busy."""

NOTICE_SECONDS = 3.0
KILL_SECONDS = (9.0, 13.0)
RESTART_SECONDS = 3.0
"""Until a killed worker's successor is a process; it serves as soon as it has loaded the model."""

STOP_SECONDS = 30.0
DRAIN_MS = "2000"

TAKEN_SECONDS = 0.1  # a request that was sent so long before a signal has reached the service


def kill_worker(folder: Path, settings: Mapping[str, str] = MappingProxyType({})) -> Row:
    """``kill -9`` of a worker: it alone loses connections, and it is replaced."""
    with under_load(folder, settings) as scene:
        victim, other = workers(scene.server)
        ports = client_ports(victim)
        victim.kill()
        until(lambda: len(worker_ids(scene.server) - scene.before) == 1, RESTART_SECONDS, "started")
        scene.row.recovery = scene.replaced(victim, REPLACE_SECONDS)
        scene.expect_lost(ports)
        scene.expect(other.is_running(), "the other worker has died, too")
        scene.undisturbed()
    return scene.row


def kill_worker_in_container(folder: Path) -> Row:
    """The same in a container: BentoML would not replace it, but it is replaced."""
    return kill_worker(folder, {"BENTOML_CONTAINERIZED": "true"})


def stop_worker(folder: Path) -> Row:
    """``SIGSTOP`` of a worker: noticed, killed and replaced; it alone loses connections."""
    with under_load(folder) as scene:
        victim, _ = workers(scene.server)
        begun = time.monotonic()
        victim.suspend()
        ports = client_ports(victim)
        until(lambda: health(scene.server) == 503, NOTICE_SECONDS, "/health 503")
        _expect_killed(scene, victim, begun)
        scene.replaced(victim, REPLACE_SECONDS)
        scene.row.recovery = time.monotonic() - begun
        scene.expect_lost(ports)
        scene.undisturbed()
    return scene.row


def terminate(folder: Path) -> Row:
    """``SIGTERM``: not ready at once, serving on for a while; then it ends with 0."""
    settings = {"CLASSIFIER_MAX_BATCH_DELAY_MS": "200", "CLASSIFIER_DRAIN_MS": DRAIN_MS}
    with under_load(folder, settings) as scene:
        time.sleep(AFTERWARDS)
        begun = time.monotonic()
        scene.server.process.terminate()
        until(lambda: health(scene.server) == 503, int(DRAIN_MS) / 1000, "/health 503")
        status = scene.server.process.wait(STOP_SECONDS)
        scene.row.recovery = time.monotonic() - begun
        scene.load.stop()
        scene.expect(status == 0, f"exit status {status}")
        _expect_answered_before(scene, begun + int(DRAIN_MS) / 1000)
    return scene.row


def kill_supervisor(folder: Path) -> Row:
    """``kill -9`` of the supervisor: the workers end, and another takes the port."""
    with under_load(folder) as scene:
        orphans = workers(scene.server)
        begun = time.monotonic()
        scene.server.process.kill()
        scene.server.process.wait()
        _, alive = psutil.wait_procs(orphans, timeout=10)
        scene.expect(not alive, f"still running: {alive}")
        _expect_answered_before(scene, begun)
        _restart(scene, folder)
        scene.row.recovery = time.monotonic() - begun
    return scene.row


def _restart(scene: Scene, folder: Path) -> None:
    """Serve again on the same port, where the clients still send."""
    again = folder / "again"
    again.mkdir()
    port = int(scene.server.url.rpartition(":")[2])
    with (
        mock.patch("harness.servers.free_port", return_value=port),
        running(scene.home, again, TWO_WORKERS) as server,
    ):
        until(lambda: healthy_worker(server) != 0, REPLACE_SECONDS, "healthy again")
        scene.undisturbed()
        scene.load.stop()


def _expect_killed(scene: Scene, victim: psutil.Process, begun: float) -> None:
    early, late = KILL_SECONDS
    until(lambda: not _lives(scene.server, victim), late, f"worker {victim.pid} killed")
    after = time.monotonic() - begun
    scene.expect(after > early, f"killed after only {after:.1f} s")
    scene.expect("is killed" in scene.server.log, "the log does not say so")


def _lives(server: Server, process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.pid in [worker.pid for worker in workers(server)]
    return False


def _expect_answered_before(scene: Scene, closed: float) -> None:
    """Expect that no request was lost that was sent before the service closed its connections.

    A request that is on its way at that moment may find its connection closed.
    """
    lost = [e for e in scene.load.of(Outcome.LOST) if e.begun < closed - TAKEN_SECONDS]
    scene.expect(not lost, f"lost: {[each.detail for each in lost]}")
