"""Inputs that are prepared apart: here numbers, which stand for a colour."""

import asyncio
from typing import Any

import pytest

from errors import CorruptImage, ModelUnavailable
from harness.toys import BLUE, HIGH, LOW, RED, pixels
from tests.inference.batching.runners import Colour, Pixels, Start, exactly, numbers, sample
from tests.support.gates import in_loop, later

APART = 7


def unless_apart(value: Any) -> Pixels | None:
    return None if isinstance(value, int) else pixels(value)


class Preparing:
    """Prepares apart when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.let = asyncio.Event()

    async def __call__(self, value: Any, deadline: float) -> Colour:
        self.asked += 1
        await self.let.wait()
        if value != APART:
            raise CorruptImage("prepared apart")
        return BLUE

    async def until_asked(self) -> None:
        while not self.asked:
            await asyncio.sleep(0)


@in_loop
async def test_answers_keep_their_order_and_errors_their_place(start: Start) -> None:
    preparing = Preparing()
    preparing.let.set()
    async with start(unless_apart, prepare_apart=preparing) as runner:
        outcomes = await runner.infer([APART, RED, 8, APART], later())
        alone = await runner.infer_one(APART, later())
        with pytest.raises(CorruptImage):
            await runner.infer_one(8, later())

    good = [outcomes[0], outcomes[1], outcomes[3], alone]
    blue = (LOW, LOW, HIGH)
    assert numbers(good) == exactly(blue, (HIGH, LOW, LOW), blue, blue)
    assert isinstance(outcomes[2], CorruptImage)


@in_loop
async def test_they_take_no_room_in_the_queue(start: Start) -> None:
    preparing = Preparing()
    async with start(unless_apart, prepare_apart=preparing, max_pending_images=3) as runner:
        batch = asyncio.create_task(runner.infer([APART] * 3, later()))
        await preparing.until_asked()
        assert sample("pending_images") == 0
        assert numbers([await runner.infer_one(RED, later())]) == exactly((HIGH, LOW, LOW))
        preparing.let.set()
        assert numbers(await batch) == exactly(*[(LOW, LOW, HIGH)] * 3)
        assert sample("pending_images") == 0


@in_loop
async def test_closing_answers_all_that_were_taken(start: Start) -> None:
    preparing = Preparing()
    async with start(unless_apart, prepare_apart=preparing) as runner:
        taken = [
            asyncio.create_task(runner.infer([APART] * 3, later())),
            asyncio.create_task(runner.infer([APART], later())),
        ]
        await asyncio.sleep(0)
        closing = asyncio.create_task(runner.close())
        await preparing.until_asked()
        with pytest.raises(ModelUnavailable):
            await runner.infer_one(RED, later())
        preparing.let.set()
        await closing
        first, second = await asyncio.gather(*taken)

    assert numbers([*first, *second]) == exactly(*[(LOW, LOW, HIGH)] * 4)


@in_loop
async def test_a_client_that_leaves_holds_up_no_closing(start: Start) -> None:
    preparing = Preparing()
    async with start(unless_apart, prepare_apart=preparing) as runner:
        leaving = asyncio.create_task(runner.infer([APART, APART], later()))
        await preparing.until_asked()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await runner.close()
    assert sample("pending_images") == 0
