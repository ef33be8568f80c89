"""Jobs that are cancelled or whose deadline passes."""

import pytest

from errors import DeadlineExceeded
from tests.support.gates import Worker, in_loop, later


@in_loop
async def test_cancelled_jobs_are_dropped_before_they_are_processed() -> None:
    worker = Worker()
    async with worker.held(max_batch_size=8) as (batcher, first):
        one, two, three, four = (batcher.submit(item, later()) for item in (1, 2, 3, 4))
        two.cancel()
        four.cancel()
        worker.gate.open()

        assert [await first, await one, await three] == [0, 10, 30]
    assert worker.batches == [[0], [1, 3]]
    assert worker.dropped == [2]


@in_loop
async def test_a_batch_of_cancelled_jobs_alone_is_no_batch() -> None:
    worker = Worker()
    async with worker.held(max_batch_size=2) as (batcher, first):
        for item in (1, 2):
            batcher.submit(item, later()).cancel()
        three = batcher.submit(3, later())
        worker.gate.open()

        assert [await first, await three] == [0, 30]
    assert worker.batches == [[0], [3]]
    assert worker.dropped == [2]


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


@in_loop
async def test_a_deadline_in_the_past_is_never_processed() -> None:
    worker = Worker()
    async with worker.batcher(max_batch_size=8) as batcher:
        with pytest.raises(DeadlineExceeded):
            await batcher.submit(0, later(-1))
    assert worker.batches == []
    assert worker.dropped == [1]
