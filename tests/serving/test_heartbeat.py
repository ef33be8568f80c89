import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from serving import heartbeat
from serving.heartbeat import Heartbeats, beat_while


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


def test_processes_are_those_that_beat_and_live(
    heartbeats: Heartbeats, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert heartbeats.processes() == []
    heartbeats.beat(2)
    beat_as(sleeper.pid, heartbeats, monkeypatch)
    assert heartbeats.processes() == [sleeper.pid, os.getpid()]
    sleeper.kill()
    sleeper.wait()
    assert heartbeats.processes() == [os.getpid()]


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
