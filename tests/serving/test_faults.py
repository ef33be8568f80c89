"""What happens to a running service whose processes die or hang."""

import contextlib
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from harness.servers import Server, metric, running, toy_home
from harness.toys import RED, encoded
from load_generator.known_images import Outcome
from resilience.faults.process_faults import REPLACE_SECONDS
from resilience.faults.scene import TWO_WORKERS, under_load
from resilience.processes import client_ports, until, worker_ids, workers

pytestmark = pytest.mark.slow


def both_serve(server: Server) -> bool:
    """Readiness is one worker's answer; the other may still be loading the model."""
    return server.log.count("Completed async startup hook: start") == 2


def status(server: Server, path: str) -> int:
    """Of a GET on a connection of its own; 0 if there is no answer within a second."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(server.url + path, timeout=1).status_code
    return 0


def classifies(server: Server) -> bool:
    answer = httpx.post(server.url + "/classify", content=encoded(RED), timeout=10)
    return answer.status_code == 200 and answer.json()["label"] == "red"


def test_a_worker_that_is_stopped_is_noticed_killed_and_replaced(tmp_path: Path) -> None:
    with running(toy_home(tmp_path), tmp_path, TWO_WORKERS) as server:
        until(lambda: both_serve(server), 20, "both workers serve")
        stopped, _ = workers(server)
        stopped.send_signal(signal.SIGSTOP)
        assert until(lambda: status(server, "/health") == 503, 10, "/health 503") < 3.5
        assert status(server, "/readyz") == 503
        health = httpx.get(server.url + "/health").json()
        assert health["reason"] == f"worker processes do not answer: [{stopped.pid}]"
        until(lambda: stopped.pid not in worker_ids(server), 20, "the stopped worker is killed")
        until(
            lambda: len(workers(server)) == 2 and status(server, "/health") == 200, 30, "replaced"
        )
        assert f"worker {stopped.pid} has not answered for 10 s and is killed" in server.log
        assert classifies(server)


@pytest.mark.parametrize(
    "container", [{}, {"BENTOML_CONTAINERIZED": "true"}], ids=["", "container"]
)
def test_a_worker_that_is_killed_is_replaced_and_the_other_serves(
    tmp_path: Path, container: dict[str, str]
) -> None:
    with running(toy_home(tmp_path), tmp_path, TWO_WORKERS | container) as server:
        until(lambda: both_serve(server), 20, "both workers serve")
        killed, other = workers(server)
        killed.kill()
        until(lambda: killed.pid not in worker_ids(server), 5, "the killed worker is gone")
        while len(workers(server)) < 2:
            assert classifies(server)
            assert status(server, "/health") == 200
        assert other.is_running()
        assert classifies(server)


def in_progress(server: Server) -> float:
    """Classifications that are in hand."""
    return metric(server, "bentoml_service_request_in_progress", endpoint="/classify")


def test_what_a_killed_worker_had_in_hand_is_not_counted_for_ever(tmp_path: Path) -> None:
    with running(toy_home(tmp_path), tmp_path, TWO_WORKERS) as server:
        until(lambda: both_serve(server), 20, "both workers serve")
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        with socket.create_connection(address) as upload:
            upload.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
            until(lambda: in_progress(server) == 1, 10, "the upload is in hand")
            port = upload.getsockname()[1]
            (holder,) = (each for each in workers(server) if port in client_ports(each))
            holder.kill()
            until(lambda: in_progress(server) == 0, 30, "it is forgotten")
        assert classifies(server)


def test_when_the_supervisor_is_killed_its_workers_end_and_free_the_port(tmp_path: Path) -> None:
    with running(toy_home(tmp_path), tmp_path, TWO_WORKERS) as server:
        until(lambda: len(workers(server)) == 2, 10, "two workers")
        orphans = workers(server)
        server.process.kill()
        server.process.wait()
        until(lambda: not any(orphan.is_running() for orphan in orphans), 10, "orphans end")
        port = int(server.url.rpartition(":")[2])
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_told_to_end_while_a_worker_starts_it_loses_nothing(tmp_path: Path) -> None:
    drain = 5.0  # longer than a worker takes to start
    with under_load(tmp_path, {"CLASSIFIER_DRAIN_MS": f"{drain * 1000:g}"}) as scene:
        workers(scene.server)[0].kill()
        until(
            lambda: scene.server.log.count("Running startup hook: start") == 3,
            REPLACE_SECONDS,
            "another worker loads the model",
        )
        begun = time.monotonic()
        assert scene.server.stop() == 0
        scene.load.stop()
        lost = [e for e in scene.load.of(Outcome.LOST) if begun < e.begun < begun + drain]
    assert lost == []
    assert scene.row.problems == []
