"""Processes that die or hang lose their part, not the run."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from batch.classification.model import Arrangement
from batch.classification.parts import Job, Part
from batch.engines import local
from batch.engines.local import LocalEngine
from batch.errors import BatchError
from batch.photographs.inputs import Kind, Source
from settings import Device, Settings

pytestmark = pytest.mark.slow

ALONE = Arrangement(session_threads=1, decode_threads=0, batch_size=4)


@pytest.fixture
def job(model: Path, photographs: Path) -> Job:
    source = Source(str(photographs), Kind.FOLDER)
    settings = Settings(device=Device.CPU)
    return Job(
        source, "image_classifier:toy", model, settings, 1, embedding=False, arrangement=ALONE
    )


@pytest.fixture
def parts(photographs: Path) -> list[Part]:
    return [
        Part(number, [f"{photographs}/{colour}/{each}.png" for each in range(10)])
        for number, colour in enumerate(("red", "green", "blue"))
    ]


def engine(workers: int, *, decode_threads: int = 0) -> LocalEngine:
    settings = Settings(device=Device.CPU, workers=workers, decode_threads=decode_threads)
    return LocalEngine(settings)


def labels(results: Iterator[tuple[Part, Any]]) -> dict[int, set[str]]:
    return {part.number: set(rows.column("label").to_pylist()) for part, rows in results}


def send(number: int, seconds: float) -> list[psutil.Process]:
    """Send a signal to the processes that classify, as soon as there are any; returns them."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        workers = [each for each in psutil.Process().children() if classifies(each)]
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.send_signal(number)
        if workers:
            return workers
        time.sleep(0.01)
    return []


def classifies(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):  # it has just ended
        return "spawn_main" in " ".join(process.cmdline())
    return False


def test_parts_are_shared_by_processes(job: Job, parts: list[Part]) -> None:
    found = labels(engine(2).results(iter(parts), job))
    assert found == {0: {"red"}, 1: {"green"}, 2: {"blue"}}


def test_threads_that_decode_change_no_row(job: Job, parts: list[Part]) -> None:
    (expected,) = engine(1).results(iter(parts[:1]), job)
    (found,) = engine(1, decode_threads=2).results(iter(parts[:1]), job)
    assert found == expected


def test_no_process_is_started_without_a_part(job: Job) -> None:
    assert list(engine(1).results(iter(()), job)) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_dies_or_hangs_is_replaced(
    number: int, job: Job, parts: list[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = engine(1).results(iter(parts), job)
    first, _ = next(results)
    # The second part is in its hands.
    sent = send(number, seconds=10)

    def be_patient_with_its_successor() -> None:
        while any(each.is_running() for each in sent):
            time.sleep(0.01)
        monkeypatch.undo()

    monkeypatch.setattr(local, "HANG_SECONDS", 1.0)
    patience = threading.Thread(target=be_patient_with_its_successor)
    patience.start()
    assert {first.number} | set(labels(results)) == {0, 1, 2}
    patience.join()


def test_a_run_whose_processes_always_end_ends(job: Job, parts: list[Part]) -> None:
    over = threading.Event()

    def kill_all() -> None:
        while not over.is_set():
            send(signal.SIGKILL, seconds=1)

    killer = threading.Thread(target=kill_all)
    killer.start()
    try:
        with pytest.raises(BatchError, match="a process ended with exit status -9 three"):
            list(engine(1).results(iter(parts), job))
    finally:
        over.set()
        killer.join()


def test_a_model_that_cannot_be_loaded_ends_the_run(job: Job, parts: list[Part]) -> None:
    (job.folder / "model.onnx").write_bytes(b"")
    with pytest.raises(BatchError, match=r"model.onnx is not the file that was converted"):
        list(engine(1).results(iter(parts), job))
