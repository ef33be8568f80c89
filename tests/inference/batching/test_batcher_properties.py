"""Whatever becomes of jobs, each gets exactly its own outcome, and dead ones are dropped."""

import asyncio
import time
from collections.abc import Sequence
from itertools import chain

from hypothesis import example, given, settings
from hypothesis import strategies as st

from errors import ClassifierError, CorruptImage, DeadlineExceeded, InferenceFailed
from tests.support.gates import PATIENCE, Worker, in_loop

GOOD, BAD, POISON, CANCELLED, EXPIRED = "good", "bad", "poison", "cancelled", "expired"
DEAD = (CANCELLED, EXPIRED)

kinds = st.lists(st.sampled_from([GOOD, GOOD, BAD, POISON, CANCELLED, EXPIRED]), max_size=20)


def outcome_of(kind: str, item: int) -> tuple[type, object]:
    """Type and value of what a job alone in its batch is answered with."""
    return {
        GOOD: (int, 10 * item),
        BAD: (CorruptImage, str(item)),
        POISON: (InferenceFailed, "inference failed"),
        CANCELLED: (asyncio.CancelledError, ""),
        EXPIRED: (DeadlineExceeded, "the deadline passed before the image was classified"),
    }[kind]


def described(outcome: object) -> tuple[type, object]:
    return type(outcome), str(outcome) if isinstance(outcome, BaseException) else outcome


def worker_for(jobs: Sequence[str]) -> Worker:
    def answer(items: list[int]) -> list[int | ClassifierError]:
        if any(jobs[item] == POISON for item in items):
            raise ValueError("poison")
        return [CorruptImage(str(item)) if jobs[item] == BAD else 10 * item for item in items]

    return Worker(answer)


@given(jobs=kinds, max_batch_size=st.integers(1, 5))
@example(jobs=[CANCELLED, EXPIRED, GOOD], max_batch_size=2)  # no batch of dead ones alone
@example(jobs=[GOOD, BAD, CANCELLED, GOOD, EXPIRED, BAD], max_batch_size=5)
@settings(max_examples=60, deadline=None)
@in_loop
async def test_jobs_that_queue_together_get_exactly_their_own_outcomes(
    jobs: list[str], max_batch_size: int
) -> None:
    jobs = [GOOD, *jobs]  # the first holds the worker while the others queue
    worker = worker_for(jobs)
    worker.gate.shut()
    async with worker.batcher(max_batch_size) as batcher:
        far, past = time.monotonic() + PATIENCE, time.monotonic() - 1
        futures = [batcher.submit(0, far)]
        await worker.gate.arrival()
        for item, kind in enumerate(jobs[1:], start=1):
            futures.append(batcher.submit(item, past if kind == EXPIRED else far))
            if kind == CANCELLED:
                futures[-1].cancel()
        worker.gate.open()
        outcomes = await asyncio.gather(*futures, return_exceptions=True)

    # Jobs that nobody waits for take no place in a batch.
    alive = [item for item in range(1, len(jobs)) if jobs[item] not in DEAD]
    live = [alive[at : at + max_batch_size] for at in range(0, len(alive), max_batch_size)]
    assert worker.batches == [[0], *live]
    assert sum(worker.dropped) == sum(kind in DEAD for kind in jobs)

    poisoned = {
        item for batch in live if any(jobs[each] == POISON for each in batch) for item in batch
    }
    for item, (kind, outcome) in enumerate(zip(jobs, outcomes, strict=True)):
        expected = outcome_of(POISON if item in poisoned else kind, item)
        assert described(outcome) == expected


@given(
    jobs=st.lists(
        st.tuples(st.sampled_from([GOOD, BAD, CANCELLED, EXPIRED]), st.integers(0, 3)), max_size=20
    ),
    max_batch_size=st.integers(1, 5),
    max_delay=st.sampled_from([0.0, 0.001]),
)
@settings(max_examples=60, deadline=None)
@in_loop
async def test_jobs_that_arrive_while_others_run_get_exactly_their_own_outcomes(
    jobs: list[tuple[str, int]], max_batch_size: int, max_delay: float
) -> None:
    worker = worker_for([kind for kind, _ in jobs])
    async with worker.batcher(max_batch_size, max_delay) as batcher:
        far, past = time.monotonic() + PATIENCE, time.monotonic() - 1
        futures = []
        for item, (kind, turns) in enumerate(jobs):
            futures.append(batcher.submit(item, past if kind == EXPIRED else far))
            if kind == CANCELLED:
                futures[-1].cancel()
            for _ in range(turns):  # lets the loop and the worker in between
                await asyncio.sleep(0)
        outcomes = await asyncio.gather(*futures, return_exceptions=True)

    for item, ((kind, _), outcome) in enumerate(zip(jobs, outcomes, strict=True)):
        assert described(outcome) == outcome_of(kind, item)
    processed = list(chain(*worker.batches))
    assert processed == sorted(set(processed))
    assert all(1 <= len(batch) <= max_batch_size for batch in worker.batches)
    answered = {item for item, (kind, _) in enumerate(jobs) if kind in (GOOD, BAD)}
    # A job may be cancelled after the worker has looked at it, but an expired one never runs.
    may_run = answered | {item for item, (kind, _) in enumerate(jobs) if kind == CANCELLED}
    assert answered <= set(processed) <= may_run
    assert len(processed) + sum(worker.dropped) == len(jobs)
