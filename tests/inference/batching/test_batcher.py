"""Which jobs are a batch, what comes of its errors, and how it ends."""

import asyncio
import logging
import time
from collections.abc import Sequence
from itertools import chain

import pytest

from errors import InferenceFailed, ModelUnavailable
from tests.support.gates import PATIENCE, Worker, in_loop, later


@in_loop
async def test_a_lone_job_is_a_batch_of_one_and_does_not_wait() -> None:
    worker = Worker()
    async with worker.batcher(max_batch_size=8) as batcher:
        assert await batcher.submit(7, later()) == 70
        assert await batcher.submit(8, later()) == 80
    assert worker.batches == [[7], [8]]


@in_loop
async def test_what_queues_while_a_batch_runs_is_the_next_batch_up_to_the_maximum() -> None:
    worker = Worker()
    worker.gate.shut()
    async with worker.batcher(max_batch_size=4) as batcher:
        futures = [batcher.submit(0, later())]
        await worker.gate.arrival()
        futures += [batcher.submit(item, later()) for item in range(1, 8)]
        worker.gate.open()

        assert await asyncio.gather(*futures) == [0, 10, 20, 30, 40, 50, 60, 70]
    assert worker.batches == [[0], [1, 2, 3, 4], [5, 6, 7]]
    assert worker.dropped == []


@pytest.mark.parametrize(
    ("queued", "expected"),
    [
        (2, [[1, 2]]),  # less than one multiple is a batch, too
        (3, [[1, 2, 3]]),
        (4, [[1, 2, 3], [4]]),
        (5, [[1, 2, 3], [4, 5]]),
        (6, [[1, 2, 3, 4, 5, 6]]),
        (8, [[1, 2, 3, 4, 5, 6], [7, 8]]),
        (11, [[1, 2, 3, 4, 5, 6], [7, 8, 9], [10, 11]]),
    ],
)
@in_loop
async def test_a_batch_is_a_multiple_and_its_rest_begins_the_next_one(
    queued: int, expected: list[list[int]]
) -> None:
    worker = Worker()
    worker.gate.shut()
    async with worker.batcher(max_batch_size=7, multiple=3) as batcher:
        futures = [batcher.submit(0, later())]
        await worker.gate.arrival()
        futures += [batcher.submit(item, later()) for item in range(1, queued + 1)]
        worker.gate.open()

        assert await asyncio.gather(*futures) == [10 * item for item in range(queued + 1)]
    assert worker.batches == [[0], *expected]


@in_loop
async def test_closing_finishes_the_rest_of_a_batch() -> None:
    worker = Worker()
    worker.gate.shut()
    async with worker.batcher(max_batch_size=6, multiple=3) as batcher:
        futures = [batcher.submit(0, later())]
        await worker.gate.arrival()
        futures += [batcher.submit(item, later()) for item in range(1, 5)]
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        worker.gate.open()
        await closing

        assert [future.result() for future in futures] == [0, 10, 20, 30, 40]
    assert worker.batches == [[0], [1, 2, 3], [4]]


@in_loop
async def test_a_failing_batch_fails_alone_and_says_nothing_of_the_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def breaks_at_2(items: list[int]) -> list[int]:
        if 2 in items:
            raise ValueError("secret")
        return items

    worker = Worker(breaks_at_2)
    worker.gate.shut()
    with caplog.at_level(logging.ERROR, "image_classifier.batcher"):
        async with worker.batcher(max_batch_size=2) as batcher:
            futures = [batcher.submit(0, later())]
            await worker.gate.arrival()
            futures += [batcher.submit(item, later()) for item in (1, 2, 3)]
            worker.gate.open()
            outcomes = await asyncio.gather(*futures, return_exceptions=True)

            assert await batcher.submit(4, later()) == 4
    assert worker.batches == [[0], [1, 2], [3], [4]]
    assert [outcomes[0], outcomes[3]] == [0, 3]
    for outcome in outcomes[1:3]:
        assert isinstance(outcome, InferenceFailed)
        assert outcome.message == "inference failed"
    assert outcomes[1] is not outcomes[2]
    assert [record.getMessage() for record in caplog.records] == ["a batch of 2 failed"]
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    "results", [[], [1], [1, 2, 3, 4], None], ids=["none", "too few", "too many", "no list"]
)
@in_loop
async def test_a_wrong_number_of_results_fails_the_whole_batch(
    results: list[int] | None, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(items: list[int]) -> Sequence[int]:
        return results if len(items) == 3 else items  # type: ignore[return-value]

    worker = Worker(wrong)
    async with worker.held(max_batch_size=3) as (batcher, first):
        futures = [batcher.submit(item, later()) for item in (1, 2, 3)]
        worker.gate.open()
        outcomes = await asyncio.gather(*futures, return_exceptions=True)

        assert await first == 0
        assert await batcher.submit(4, later()) == 4
    assert worker.batches == [[0], [1, 2, 3], [4]]
    assert [type(outcome) for outcome in outcomes] == [InferenceFailed] * 3
    assert [record.getMessage() for record in caplog.records] == ["a batch of 3 failed"]


@in_loop
async def test_a_batch_waits_for_more_jobs_but_not_beyond_its_delay() -> None:
    worker = Worker()
    async with worker.batcher(max_batch_size=3, max_delay=0.5) as batcher:
        started = time.monotonic()
        futures = batcher.submit(1, later()), batcher.submit(2, later())
        assert [await future for future in futures] == [10, 20]
        waited = time.monotonic() - started

    assert worker.batches == [[1, 2]]
    assert 0.5 <= waited < PATIENCE


@in_loop
async def test_a_full_batch_does_not_wait() -> None:
    worker = Worker()
    # With so long a delay, a batch that waited would fail the test by its timeout.
    async with worker.batcher(max_batch_size=2, max_delay=10 * PATIENCE) as batcher:
        futures = [batcher.submit(item, later()) for item in (1, 2, 3, 4)]

        assert await asyncio.gather(*futures) == [10, 20, 30, 40]
    assert worker.batches == [[1, 2], [3, 4]]


@in_loop
async def test_closing_does_not_wait_for_more_jobs() -> None:
    worker = Worker()
    async with worker.batcher(max_batch_size=8, max_delay=10 * PATIENCE) as batcher:
        future = batcher.submit(1, later())
        await batcher.close()

        assert await future == 10


@in_loop
async def test_closing_finishes_what_was_taken_and_takes_no_more() -> None:
    worker = Worker()
    worker.gate.shut()
    async with worker.batcher(max_batch_size=2) as batcher:
        futures = [batcher.submit(item, later()) for item in range(5)]
        closing = asyncio.create_task(batcher.close())
        await worker.gate.arrival()
        with pytest.raises(ModelUnavailable, match=r"^the service is shutting down$"):
            batcher.submit(5, later())
        assert not closing.done()
        worker.gate.open()
        await closing

        assert await asyncio.gather(*futures) == [0, 10, 20, 30, 40]
    assert list(chain(*worker.batches)) == [0, 1, 2, 3, 4]


@in_loop
async def test_an_idle_batcher_closes_at_once_and_twice() -> None:
    async with Worker().batcher(max_batch_size=2) as batcher:
        await batcher.close()
        await batcher.close()


@in_loop
async def test_the_seconds_of_an_item_are_a_running_mean() -> None:
    worker = Worker()
    async with worker.batcher(max_batch_size=2, max_delay=10 * PATIENCE) as batcher:
        assert batcher.seconds_per_item == 0.0
        worker.gate.shut()
        started = time.monotonic()
        futures = [batcher.submit(item, later()) for item in (1, 2)]
        await worker.gate.arrival()
        await asyncio.sleep(0.2)
        worker.gate.open()
        await asyncio.gather(*futures)
        first = batcher.seconds_per_item
        assert 0.2 <= 2 * first <= time.monotonic() - started

        await asyncio.gather(*[batcher.submit(item, later()) for item in (3, 4)])
        # The newest batch counts a tenth, and it took next to nothing.
        assert 0.9 * first <= batcher.seconds_per_item < first


@in_loop
async def test_a_step_of_a_batch_that_is_done_begins_the_time_anew() -> None:
    worker = Worker()
    worker.gate.shut()
    async with worker.batcher(max_batch_size=1) as batcher:
        batcher.progressed()
        assert batcher.busy_seconds() == 0.0
        answer = batcher.submit(0, later())
        await worker.gate.arrival()
        await asyncio.sleep(0.2)
        assert batcher.busy_seconds() >= 0.2
        batcher.progressed()
        assert batcher.busy_seconds() < 0.2
        worker.gate.open()
        await answer
