"""Jobs that are cancelled, or whose deadline passes, while a batch runs."""

import pytest

from errors import DeadlineExceeded
from tests.support.gates import Worker, in_loop, later


@in_loop
async def test_cancelling_a_job_that_runs_harms_no_other() -> None:
    worker = Worker()
    async with worker.held(max_batch_size=8) as (batcher, running):
        running.cancel()
        worker.gate.open()

        assert await batcher.submit(1, later()) == 10
    assert worker.batches == [[0], [1]]
    assert worker.dropped == []


@in_loop
async def test_a_deadline_is_kept_while_the_worker_is_stuck_and_the_job_never_runs() -> None:
    worker = Worker()
    async with worker.held(max_batch_size=8) as (batcher, stuck):
        short, long = batcher.submit(1, later(0.05)), batcher.submit(2, later())
        with pytest.raises(DeadlineExceeded, match=r"^the deadline passed before the image was"):
            await short
        assert not stuck.done()
        worker.gate.open()

        assert [await stuck, await long] == [0, 20]
    assert worker.batches == [[0], [2]]
    assert worker.dropped == [1]


@in_loop
async def test_a_deadline_is_kept_by_a_job_that_already_runs() -> None:
    worker = Worker()
    async with worker.held(max_batch_size=8, seconds=0.3) as (batcher, running):
        with pytest.raises(DeadlineExceeded):
            await running
        worker.gate.open()

        assert await batcher.submit(1, later()) == 10
    assert worker.dropped == []
