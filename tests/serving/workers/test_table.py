import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from serving.workers import table as tables
from serving.workers.table import WorkerTable, beat_while


@pytest.fixture
def sleeping_worker(
    table: WorkerTable, beat_as: Callable[[int, int], None]
) -> Iterator[subprocess.Popen[bytes]]:
    """The first worker, which has beaten three seconds ago and can be killed."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        beat_as(process.pid, 1)
        table._beaten[0] -= 3
        yield process
        process.kill()


def test_before_the_first_beat_no_worker_is_missed(table: WorkerTable) -> None:
    assert (table.silent(0), table.processes(), table.surplus(1)) == ([], [], 0)


def test_a_worker_is_silent_if_it_has_not_beaten_for_some_time(table: WorkerTable) -> None:
    table.begin(1)
    assert table.silent() == []
    assert table.silent(0) == [os.getpid()]


def test_a_worker_that_fails_to_load_the_model_is_not_silent_and_failures_are_counted(
    table: WorkerTable,
) -> None:
    for failures in (1, 2):
        table.begin(1, has_failed=True)
        ((process, _, count),) = table.failed()
        assert (process, count, table.silent(0)) == (os.getpid(), failures, [])
    table.begin(1)
    assert (table.failed(), table.silent(0)) == ([], [os.getpid()])


def test_all_processes_see_the_same(table: WorkerTable) -> None:
    table.begin(2)
    inherited = WorkerTable.inherited(1)
    assert inherited is not None
    assert inherited.workers == 2
    assert inherited.silent(0) == inherited.processes() == [os.getpid()]


def test_a_dead_worker_is_not_silent(
    table: WorkerTable, sleeping_worker: subprocess.Popen[bytes]
) -> None:
    assert table.silent() == [sleeping_worker.pid]
    sleeping_worker.kill()
    os.waitid(os.P_PID, sleeping_worker.pid, os.WEXITED | os.WNOWAIT)  # a zombie
    assert table.silent() == []
    sleeping_worker.wait()
    assert table.silent() == []
    assert table.processes() == [sleeping_worker.pid]


@pytest.mark.usefixtures("sleeping_worker")
def test_connections_are_compared_with_those_of_workers_that_beat(table: WorkerTable) -> None:
    table.begin(2)
    table.count(2, 5)
    table.count(2, -1)
    assert table.surplus(2) == 0  # the first one is silent
    table.begin(1)
    assert (table.surplus(1), table.surplus(2)) == (0, 4)
    table.begin(2)  # it was started again
    assert table.surplus(2) == 0


@pytest.mark.parametrize(("worker", "has_table"), [(2, True), (3, False)])
def test_a_worker_without_a_row_has_no_table(
    table: WorkerTable, worker: int, has_table: bool
) -> None:
    assert (WorkerTable.inherited(worker) is not None) == has_table


def test_without_a_supervisor_there_is_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tables._VARIABLE, raising=False)
    assert WorkerTable.inherited(1) is None


def test_a_worker_that_is_not_well_misses_its_beats(table: WorkerTable) -> None:
    beats: list[bool] = []

    async def run() -> None:
        answers = iter([False, True, False])
        table.beat = lambda worker: beats.append(True)  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match="StopIteration"):
            await beat_while(lambda: next(answers), table, 1)

    asyncio.run(run())
    assert beats == [True]
