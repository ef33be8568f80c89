"""How the service starts, refuses to start, and stops."""

import socket
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from harness.servers import (
    BENTOML,
    PROJECT,
    Server,
    environment,
    running,
    toy_home,
    wait_until_ready,
)
from harness.toys import GOLDEN_FILE, HIGH, RED, encoded
from inference.sessions.openvino_session import openvino_version
from resilience.faults.scene import TWO_WORKERS
from resilience.processes import until, workers

pytestmark = pytest.mark.slow

ONE_WORKER = {"CLASSIFIER_WORKERS": "1"}


def refusal(home: Path, folder: Path, settings: Mapping[str, str] = ONE_WORKER) -> str:
    """What `bentoml serve` prints when it refuses to start."""
    with running(home, folder, settings, wait=False) as server:
        assert server.process.wait(timeout=60) == 1
        assert "Traceback" not in server.log
        return server.log.strip()


def test_without_a_model_it_refuses_and_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    assert refusal(tmp_path / "home", tmp_path) == (
        "error: no model image_classifier:latest in the model store; make one with: "
        "python -m conversion.convert_to_onnx --architecture efficientnet_lite0"
    )


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [BENTOML, "serve", "--host", "127.0.0.1", "--port", str(port)],
            cwd=PROJECT,
            env=environment(toy_home(tmp_path), tmp_path, ONE_WORKER),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stdout + done.stderr == (
        f"error: cannot listen on 127.0.0.1:{port}: another program listens there; "
        "stop it or choose another port\n"
    )


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    home = toy_home(tmp_path)
    (home / "models/image_classifier/toy/model.onnx").write_bytes(b"changed")
    assert "is not the file that was converted" in refusal(home, tmp_path)


def test_a_setting_that_cannot_be_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    message = refusal(tmp_path / "home", tmp_path, {"CLASSIFIER_WORKERS": "none"})
    assert message.startswith("error: CLASSIFIER_WORKERS=none: ")


def test_an_explicit_gpu_that_cannot_be_had_is_refused(tmp_path: Path) -> None:
    message = refusal(toy_home(tmp_path), tmp_path, {"CLASSIFIER_DEVICE": "cuda"})
    assert message.startswith("error: CLASSIFIER_DEVICE=cuda cannot be had: ")


@pytest.mark.skipif(openvino_version() is None, reason="OpenVINO is not installed")
def test_openvino_serves_and_health_says_so(tmp_path: Path) -> None:
    settings = ONE_WORKER | {"CLASSIFIER_DEVICE": "openvino"}
    home = toy_home(tmp_path)
    golden = (home / "models/image_classifier/toy" / GOLDEN_FILE).read_bytes()
    with running(home, tmp_path, settings) as server:
        health = httpx.get(server.url + "/health").json()
        answer = httpx.post(server.url + "/classify", content=golden).json()
    assert (health["status"], health["device"]) == ("healthy", "openvino")
    assert health["execution_providers"] == ["OpenVINO CPU"]
    assert (answer["label"], answer["confidence"]) == ("red", pytest.approx(HIGH, abs=1e-5))


def test_openvino_that_is_not_installed_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "openvino.py").write_text("""raise ImportError("No module named 'openvino'")""")
    settings = {"CLASSIFIER_DEVICE": "openvino", "PYTHONPATH": str(tmp_path)}
    assert refusal(toy_home(tmp_path), tmp_path, settings) == (
        "error: CLASSIFIER_DEVICE=openvino cannot be had: No module named 'openvino'; "
        "install it with: pip install '.[openvino]'"
    )


def test_a_device_that_kills_the_process_that_tries_it_is_refused_in_one_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "openvino.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    settings = {"CLASSIFIER_DEVICE": "openvino", "PYTHONPATH": str(tmp_path)}
    assert refusal(toy_home(tmp_path), tmp_path, settings) == (
        "error: CLASSIFIER_DEVICE=openvino cannot be had: the process that tried it was killed"
    )


def test_several_workers_answer_alike_and_say_once_that_there_is_no_gpu(tmp_path: Path) -> None:
    settings = {"CLASSIFIER_DEVICE": "auto", "CLASSIFIER_DECODE_THREADS": "2"}
    with running(toy_home(tmp_path), tmp_path, settings | TWO_WORKERS) as server:
        assert httpx.get(server.url + "/health").json()["device"] == "cpu"
        answers = {
            httpx.post(server.url + "/classify", content=encoded(RED)).json()["label"]
            for _ in range(10)
        }
        lines = server.log.splitlines()
    assert answers == {"red"}
    assert not [line for line in lines if "[WARNING]" in line]
    (said,) = [line for line in lines if "no NVIDIA GPU, running on the CPU" in line]
    assert "[INFO]" in said


def test_a_model_that_answers_otherwise_than_pytorch_is_unavailable(tmp_path: Path) -> None:
    home = toy_home(tmp_path, confidence=0.9)
    with running(home, tmp_path, ONE_WORKER, wait=False) as server:
        wait_until_ready(server, "/health", 503)
        health = httpx.get(server.url + "/health").json()
        classify = httpx.post(server.url + "/classify", content=encoded(RED))
        ready = httpx.get(server.url + "/readyz")
    assert health["status"] == "unhealthy"
    assert health["model_loaded"] is True
    assert "got 0.9922, PyTorch gave 0.9000" in health["reason"]
    assert classify.status_code == 503
    assert classify.json()["error"]["code"] == "model_unavailable"
    assert ready.status_code == 503


@pytest.fixture(scope="module")
def by_name(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model with random weights, served by the service's name."""
    folder = tmp_path_factory.mktemp("by_name")
    home = toy_home(folder, pretrained=False)
    with running(home, folder, ONE_WORKER, target="service:ImageClassifier") as server:
        yield server


def test_random_weights_are_marked_in_health_and_log(by_name: Server) -> None:
    assert httpx.get(by_name.url + "/health").json()["pretrained"] is False
    assert "random weights (pretrained: false)" in by_name.log


def test_service_by_name_and_port(by_name: Server) -> None:
    answer = httpx.post(by_name.url + "/classify", content=encoded(RED)).json()
    assert answer["class_id"] == 0


def test_told_to_end_while_it_starts_its_workers_it_ends_at_the_first_signal(
    tmp_path: Path,
) -> None:
    with running(toy_home(tmp_path), tmp_path, TWO_WORKERS, wait=False) as server:
        until(lambda: len(workers(server)) > 0, 30, "the first worker is a process")
        assert server.stop() == 0
        assert "Traceback" not in server.log


def test_sigterm_answers_what_was_taken_and_exits_with_0(tmp_path: Path) -> None:
    # Batches wait for more images far longer than it takes to stop: requests are in flight.
    waiting = {"CLASSIFIER_MAX_BATCH_DELAY_MS": "5000", "CLASSIFIER_MAX_BATCH_SIZE": "8"}
    settings = ONE_WORKER | waiting
    with running(toy_home(tmp_path), tmp_path, settings) as server, ThreadPoolExecutor() as threads:
        answers = [
            threads.submit(httpx.post, server.url + "/classify", content=encoded(RED), timeout=30)
            for _ in range(3)
        ]
        three = "image_classifier_pending_images 3.0"
        until(lambda: three in httpx.get(server.url + "/metrics").text, 30, "all are in flight")
        assert server.stop() == 0
        assert [answer.result().status_code for answer in answers] == [200, 200, 200]
