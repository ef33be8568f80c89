import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from serving.compat.process_manager import worker_processes
from serving.workers import supervisor
from serving.workers.supervisor import Watch
from serving.workers.table import WorkerTable, lives

START_SECONDS = 5.0


class Worker(subprocess.Popen[bytes]):
    """A child that looks like one of BentoML's worker processes and only sleeps."""

    def __init__(self) -> None:
        code = "import time; time.sleep(60)"
        super().__init__([sys.executable, "-c", code, "_bentoml_impl.worker.service"])
        while not [each for each in worker_processes(os.getpid()) if each.pid == self.pid]:
            time.sleep(0.01)  # not exec'ed yet


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker() as process:
        yield process
        process.kill()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """What ``time.monotonic()`` says; put it forward by changing the one number."""
    now = [1000.0]
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: now[0])
        yield now


def test_a_silent_worker_is_killed(
    table: WorkerTable,
    worker: Worker,
    beat_as: Callable[[int, int], None],
    clock: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    beat_as(worker.pid, 1)
    watch = Watch(table, START_SECONDS)
    clock[0] += 9.9
    watch.look()
    assert worker.poll() is None
    clock[0] += 0.2
    watch.look()
    assert worker.wait(10) == -signal.SIGKILL
    assert f"worker {worker.pid} has not answered for 10 s and is killed" in caplog.text


@pytest.mark.parametrize(("failures", "seconds"), [(1, 10), (3, 40), (1_000_000, 640)])
def test_a_worker_that_cannot_load_the_model_is_replaced_later_after_each_failure(
    failures: int,
    seconds: int,
    table: WorkerTable,
    worker: Worker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    table._process[0], table._failures[0] = worker.pid, failures
    watch = Watch(table, START_SECONDS)
    table._beaten[0] = time.monotonic() - seconds + 5
    watch.look()
    assert worker.poll() is None
    table._beaten[0] -= 5
    watch.look()
    assert worker.wait(10) == -signal.SIGKILL
    assert caplog.messages == [
        f"worker {worker.pid} cannot classify, as it said {seconds} s ago, and is killed"
    ]


def test_a_worker_that_never_starts_is_killed_and_one_that_has_started_is_not(
    table: WorkerTable,
    worker: Worker,
    beat_as: Callable[[int, int], None],
    clock: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Worker() as unstarted:
        beat_as(worker.pid, 1)
        watch = Watch(table, START_SECONDS)
        watch.look()
        clock[0] += START_SECONDS
        watch.look()
        assert unstarted.poll() is None
        clock[0] += 0.1
        watch.look()
        assert unstarted.wait(10) == -signal.SIGKILL
    assert worker.poll() is None
    assert f"worker {unstarted.pid} has not started in 5 s and is killed" in caplog.text


def test_a_stranger_with_the_number_of_a_dead_worker_is_not_killed(
    table: WorkerTable, beat_as: Callable[[int, int], None], clock: list[float]
) -> None:
    parent = os.getppid()
    beat_as(parent, 1)
    clock[0] += 3600
    Watch(table, START_SECONDS).look()
    assert lives(parent)


def test_children_that_are_no_workers_are_left_alone(
    table: WorkerTable, clock: list[float]
) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        watch = Watch(table, START_SECONDS)
        watch.look()
        clock[0] += 3600
        watch.look()
        assert child.poll() is None
        child.kill()


def test_what_a_dead_worker_had_in_progress_is_forgotten(
    table: WorkerTable,
    worker: Worker,
    beat_as: Callable[[int, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forgotten: list[int] = []
    monkeypatch.setattr(supervisor, "forget_process", forgotten.append)
    beat_as(worker.pid, 1)
    watch = Watch(table, START_SECONDS)
    watch.look()
    assert forgotten == []
    worker.kill()
    worker.wait()
    beat_as(os.getpid(), 1)  # another has taken its place
    watch.look()
    assert forgotten == [worker.pid]


def test_a_look_that_fails_is_logged_and_repeated_after_a_pause(
    table: WorkerTable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(table, START_SECONDS)
    failures = iter([OSError("no descriptor"), OSError("no descriptor"), KeyboardInterrupt()])
    pauses: list[float] = []

    def fail() -> None:
        raise next(failures)

    monkeypatch.setattr(watch, "look", fail)
    monkeypatch.setattr(time, "sleep", pauses.append)
    with pytest.raises(KeyboardInterrupt):
        watch.run()
    assert pauses == [0.5, 0.5]
    assert caplog.messages == ["the watch over the workers failed, and goes on"] * 2
