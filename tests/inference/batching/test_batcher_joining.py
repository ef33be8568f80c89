"""Jobs that join a batch while it is prepared."""

import asyncio
from collections.abc import Sequence

from errors import ClassifierError
from inference.batching.batcher import Batcher
from tests.support.gates import Worker, in_loop, later, tenfold


class Joining(Worker):
    """Admits, once per batch, the jobs that wait when the batch has passed the gate."""

    def __call__(self, items: list[int]) -> Sequence[int | ClassifierError]:
        answers = [*super().__call__(items)]
        joined = self.batcher_in_hand.join()
        self.batches[-1] = [*items, *joined]
        return [*answers, *tenfold(joined)]

    batcher_in_hand: Batcher[int, int]


@in_loop
async def test_jobs_that_arrive_while_a_batch_is_prepared_join_it_up_to_the_maximum() -> None:
    worker = Joining()
    async with worker.held(max_batch_size=4) as (batcher, first):
        worker.batcher_in_hand = batcher
        futures = [first, *(batcher.submit(item, later()) for item in range(1, 6))]
        worker.gate.open()

        assert await asyncio.gather(*futures) == [0, 10, 20, 30, 40, 50]
    assert worker.batches == [[0, 1, 2, 3], [4, 5]]


@in_loop
async def test_a_cancelled_job_does_not_join() -> None:
    worker = Joining()
    async with worker.held(max_batch_size=4) as (batcher, first):
        worker.batcher_in_hand = batcher
        gone, second = batcher.submit(1, later()), batcher.submit(2, later())
        gone.cancel()
        worker.gate.open()

        assert [await first, await second] == [0, 20]
    assert worker.batches == [[0, 2]]
    assert worker.dropped == [1]


@in_loop
async def test_no_job_joins_a_batch_whose_first_job_has_waited_long() -> None:
    worker = Joining()
    async with worker.held(max_batch_size=4, seconds=1.0) as (batcher, first):
        worker.batcher_in_hand = batcher
        await asyncio.sleep(0.4)
        second = batcher.submit(1, later())
        worker.gate.open()

        assert [await first, await second] == [0, 10]
    assert worker.batches == [[0], [1]]
