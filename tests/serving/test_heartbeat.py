import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import guard, heartbeat
from serving.guard import kill_silent
from serving.heartbeat import Heartbeats, beat_while


@pytest.fixture
def heartbeats(monkeypatch: pytest.MonkeyPatch) -> Heartbeats:
    monkeypatch.setenv(heartbeat._VARIABLE, "")
    return Heartbeats.create(workers=2)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that can be killed."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def beat_as(process: int, heartbeats: Heartbeats, monkeypatch: pytest.MonkeyPatch) -> None:
    """A beat of another process, three seconds ago."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: process)
        patch.setattr(time, "monotonic", lambda: then)
        heartbeats.beat(1)


then = time.monotonic() - 3


def test_before_the_first_beat_nobody_is_missed(heartbeats: Heartbeats) -> None:
    assert heartbeats.silent(0) == []


def test_who_beats_is_not_silent_until_the_time_is_over(heartbeats: Heartbeats) -> None:
    heartbeats.beat(1)
    assert heartbeats.silent() == []
    assert heartbeats.silent(0) == [os.getpid()]


def test_all_processes_see_the_same(heartbeats: Heartbeats) -> None:
    heartbeats.beat(2)
    inherited = Heartbeats.inherited()
    assert inherited is not None
    assert inherited.silent(0) == [os.getpid()]


def test_who_stops_in_good_order_is_not_missed(heartbeats: Heartbeats) -> None:
    heartbeats.beat(1)
    heartbeats.end(1)
    assert heartbeats.silent(0) == []


def test_the_dead_are_not_silent(
    heartbeats: Heartbeats, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    beat_as(sleeper.pid, heartbeats, monkeypatch)
    assert heartbeats.silent() == [sleeper.pid]
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # a zombie
    assert heartbeats.silent() == []
    sleeper.wait()
    assert heartbeats.silent() == []


def test_without_a_supervisor_there_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(heartbeat._VARIABLE, raising=False)
    assert Heartbeats.inherited() is None


def test_a_worker_number_beyond_the_places_writes_nothing(heartbeats: Heartbeats) -> None:
    heartbeats.beat(3)
    assert heartbeats.silent(0) == []


def test_beats_are_left_out_while_the_worker_is_not_well(heartbeats: Heartbeats) -> None:
    beats: list[bool] = []

    async def run() -> None:
        answers = iter([False, True, False])
        heartbeats.beat = lambda worker: beats.append(True)  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match="StopIteration"):
            await beat_while(lambda: next(answers), heartbeats, 1)

    asyncio.run(run())
    assert beats == [True]


def test_the_guard_kills_who_is_silent_and_nobody_else(
    heartbeats: Heartbeats,
    sleeper: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    heartbeats.beat(2)
    beat_as(sleeper.pid, heartbeats, monkeypatch)
    kill_silent(heartbeats, seconds=3600)
    assert sleeper.poll() is None
    kill_silent(heartbeats, seconds=1)
    assert sleeper.wait(10) == -signal.SIGKILL
    assert f"worker {sleeper.pid} has not answered for 1 s and is killed" in caplog.text


def test_a_worker_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    worker = (
        "import time, pathlib, os; from serving.guard import end_with_parent; end_with_parent(); "
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); time.sleep(60)"
    )
    supervisor = (
        "import os, subprocess, sys; os.environ['IMAGE_CLASSIFIER_SUPERVISOR'] = str(os.getpid()); "
        f"subprocess.run([sys.executable, '-c', {worker!r}])"
    )
    with subprocess.Popen([sys.executable, "-c", supervisor]) as process:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.02)
        process.kill()
    orphan = int((tmp_path / "pid").read_text())
    end = time.monotonic() + 10
    while heartbeat._lives(orphan):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_worker_whose_supervisor_is_dead_already_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = "from serving.guard import end_with_parent; end_with_parent(); print('still here')"
    monkeypatch.setenv("IMAGE_CLASSIFIER_SUPERVISOR", "1")
    done = subprocess.run([sys.executable, "-c", worker], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, b"")


def test_in_a_container_dead_workers_are_replaced_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENTOML_CONTAINERIZED", "true")
    monkeypatch.setenv(heartbeat._VARIABLE, "")
    monkeypatch.setenv("IMAGE_CLASSIFIER_SUPERVISOR", "")
    monkeypatch.setattr(threading.Thread, "start", lambda thread: None)
    guard.start_guard(1)
    assert "BENTOML_CONTAINERIZED" not in os.environ
