import asyncio
from collections.abc import Callable

import pytest

from errors import DeadlineExceeded, ModelUnavailable, Overloaded
from harness.toys import BLACK, BLUE, GREEN, HIGH, LOW, RED, pixels
from inference import OnnxSession
from tests.inference.batching.runners import (
    Colour,
    Pixels,
    Start,
    exactly,
    in_both_threads,
    numbers,
    running,
    sample,
)
from tests.support.gates import Gate, in_loop, later


def held_by(gate: Gate) -> tuple[Callable[[Colour], Pixels], list[Colour]]:
    """A way to prepare images that waits at a gate, and which images have come to it."""
    prepared: list[Colour] = []

    def held(colour: Colour) -> Pixels:
        prepared.append(colour)
        gate.pass_through()
        return pixels(colour)

    return held, prepared


@in_loop
async def test_too_many_images_are_refused_together_until_there_is_room(start: Start) -> None:
    gate = Gate()
    held, prepared = held_by(gate)
    gate.shut()
    refused = sample("refused_images_total")
    async with start(held, max_pending_images=3) as runner:
        waiting = asyncio.create_task(runner.infer([RED, GREEN], later()))
        await gate.arrival()
        assert sample("pending_images") == 2
        with pytest.raises(Overloaded) as caught:
            await runner.infer([BLUE, BLUE], later())
        assert caught.value.message == "2 images are waiting, there is room for 3"
        assert caught.value.headers == {"retry-after": "1"}
        assert sample("refused_images_total") - refused == 2

        runner._pipeline.batcher.seconds_per_item = 2.1
        with pytest.raises(Overloaded) as caught:
            await runner.infer([BLUE, BLUE], later())
        assert caught.value.headers == {"retry-after": "5"}  # 2 · 2.1 s, rounded up
        runner._pipeline.batcher.seconds_per_item = 0.0

        last = asyncio.create_task(runner.infer([BLACK], later()))
        await asyncio.sleep(0)
        assert sample("pending_images") == 3
        with pytest.raises(Overloaded):
            await runner.infer([BLUE], later())

        gate.open()
        await asyncio.gather(waiting, last)
        assert BLUE not in prepared
        assert sample("pending_images") == 0
        assert len(await runner.infer([BLUE] * 3, later())) == 3
        with pytest.raises(Overloaded, match="0 images are waiting, there is room for 3"):
            await runner.infer([BLUE] * 4, later())


@in_loop
async def test_images_are_refused_when_the_queue_would_take_a_third_of_their_time(
    session: OnnxSession,
) -> None:
    gate = Gate()
    held, _ = held_by(gate)
    gate.shut()
    async with running(session, held) as runner:
        waiting = asyncio.create_task(runner.infer([RED] * 10, later()))
        await gate.arrival()
        runner._pipeline.batcher.seconds_per_item = 0.5
        with pytest.raises(Overloaded) as caught:
            runner.check_room(1, later(14.9))
        assert caught.value.message == "10 images are waiting, for about 5.0 s"
        assert caught.value.headers == {"retry-after": "5"}
        runner.check_room(1, later(15.1))
        runner._pipeline.batcher.seconds_per_item = 0.0
        gate.open()
        await waiting


@in_loop
async def test_an_image_past_its_deadline_is_not_prepared(start: Start) -> None:
    prepared = []

    def recorded(colour: Colour) -> Pixels:
        prepared.append(colour)
        return pixels(colour)

    dropped = sample("dropped_images_total")
    async with start(recorded) as runner:
        (late,) = await runner.infer([RED], later(-1))
        (in_time,) = await runner.infer([GREEN], later())

    assert isinstance(late, DeadlineExceeded)
    assert numbers([in_time]) == exactly((LOW, HIGH, LOW))
    assert prepared == [GREEN]
    assert sample("dropped_images_total") - dropped == 1


@in_both_threads
@in_loop
async def test_images_of_a_client_that_has_gone_make_room_and_are_not_prepared(
    decode_threads: int, session: OnnxSession
) -> None:
    gate = Gate()
    held, prepared = held_by(gate)
    gate.shut()
    busy = [RED] * max(1, decode_threads)  # every thread that prepares
    async with running(
        session, held, decode_threads=decode_threads, max_pending_images=len(busy) + 2
    ) as runner:
        first = asyncio.create_task(runner.infer(busy, later()))
        for _ in busy:
            await gate.arrival()
        gone = asyncio.create_task(runner.infer([GREEN, GREEN], later()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        second = asyncio.create_task(runner.infer([BLUE, BLUE], later()))
        await asyncio.sleep(0)
        gate.open()

        assert numbers(await first) == exactly(*[(HIGH, LOW, LOW)] * len(busy))
        assert numbers(await second) == exactly((LOW, LOW, HIGH), (LOW, LOW, HIGH))
    assert GREEN not in prepared
    assert sample("pending_images") == 0


@in_loop
async def test_closing_finishes_what_was_taken_and_takes_no_more(start: Start) -> None:
    async with start() as runner:
        taken = asyncio.create_task(runner.infer([RED] * 9, later()))
        closing = asyncio.create_task(runner.close())
        await closing

        assert numbers(await taken) == exactly(*[(HIGH, LOW, LOW)] * 9)
        with pytest.raises(ModelUnavailable, match=r"^the service is shutting down$"):
            await runner.infer([RED], later())
    assert sample("pending_images") == 0
