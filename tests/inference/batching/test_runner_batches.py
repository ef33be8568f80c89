import asyncio
from typing import Any

import numpy as np
import pytest

from errors import InferenceFailed, UnsupportedImage
from harness.toys import BLUE, EMBEDDING, GREEN, HIGH, LOW, RED, encoded, pixels
from inference import OnnxSession
from inference.batching.batch_size import GROUP
from inference.batching.pipeline import batch_sizes
from settings import Device
from tests.inference.batching.runners import (
    Pixels,
    exactly,
    from_bytes,
    gated,
    in_both_threads,
    meanwhile,
    numbers,
    running,
)
from tests.support.gates import Gate, in_loop, later


@in_loop
async def test_only_the_good_images_of_a_batch_reach_the_session(session: OnnxSession) -> None:
    session, inner = gated(session)
    mixed = [encoded(RED), b"not an image", encoded(BLUE)]
    async with running(session, from_bytes) as runner:
        requests = mixed, [b"nor is this"]
        (green,), (red, bad, blue), (worse,) = await meanwhile(
            runner, inner.gate, encoded(GREEN), *requests
        )

    assert inner.sizes == [1, 2]
    assert (inner.batches[1] == np.stack([pixels(RED), pixels(BLUE)])).all()
    assert [type(bad), type(worse)] == [UnsupportedImage] * 2
    assert numbers([green, red, blue]) == exactly(
        (LOW, HIGH, LOW), (HIGH, LOW, LOW), (LOW, LOW, HIGH)
    )


@in_loop
async def test_a_group_is_taken_together_and_run_in_batches(session: OnnxSession) -> None:
    session, inner = gated(session)
    images = [encoded(RED), encoded(GREEN), b"not an image", encoded(BLUE), encoded(RED)]
    async with running(session, from_bytes, max_batch_size=2, max_group_size=4) as runner:
        _, outcomes = await meanwhile(runner, inner.gate, encoded(GREEN), images)

    # The group of four has three good images.
    assert inner.sizes == [1, 2, 1, 1]
    assert isinstance(outcomes.pop(2), UnsupportedImage)
    assert numbers(outcomes) == exactly(
        (HIGH, LOW, LOW), (LOW, HIGH, LOW), (LOW, LOW, HIGH), (HIGH, LOW, LOW)
    )


@in_loop
async def test_a_group_of_more_than_a_batch_is_whole_batches(session: OnnxSession) -> None:
    session, inner = gated(session)
    runs_before: list[int] = []

    def prepare(image: bytes) -> Pixels:
        runs_before.append(len(inner.sizes))
        return from_bytes(image)

    images = [encoded(RED), encoded(GREEN), encoded(BLUE)]
    async with running(session, prepare, max_batch_size=2, max_group_size=4) as runner:
        await meanwhile(runner, inner.gate, encoded(GREEN), images)

    assert inner.sizes == [1, 2, 1]
    assert runs_before == [0, 1, 1, 2]  # the third image is not decoded before the batch of two


@in_loop
async def test_a_batch_that_fails_fails_no_other_of_its_group(session: OnnxSession) -> None:
    session, inner = gated(session)
    inner.gate.shut()
    async with running(session, max_batch_size=1, max_group_size=2) as runner:
        taken = asyncio.create_task(runner.infer([RED, GREEN], later()))
        await inner.gate.arrival()
        inner.fail_next = True
        inner.gate.open()
        failed, answered = await taken

    assert isinstance(failed, InferenceFailed)
    assert numbers([answered]) == exactly((LOW, HIGH, LOW))


@pytest.mark.parametrize(
    ("max_batch_size", "expected"),
    [
        (GROUP, [1, 2]),  # nobody is kept waiting for a run that costs nothing of its own
        (2 * GROUP, [3]),
    ],
)
@in_loop
async def test_images_that_arrive_during_decoding_join_a_large_batch(
    max_batch_size: int, expected: list[int], session: OnnxSession
) -> None:
    session, inner = gated(session)
    decoding = Gate()

    def prepare(image: bytes) -> Pixels:
        decoding.pass_through()
        return from_bytes(image)

    async with running(session, prepare, max_batch_size=max_batch_size) as runner:
        others = [encoded(RED), encoded(BLUE)]
        first, second = await meanwhile(runner, decoding, encoded(GREEN), others)

    assert inner.sizes == expected
    assert numbers([*first, *second]) == exactly(
        (LOW, HIGH, LOW), (HIGH, LOW, LOW), (LOW, LOW, HIGH)
    )


@in_loop
async def test_a_batch_of_bad_images_alone_runs_no_session(session: OnnxSession) -> None:
    session, inner = gated(session)
    async with running(session, from_bytes) as runner:
        outcomes = await runner.infer([b"", b"not an image"], later())

    assert [type(outcome) for outcome in outcomes] == [UnsupportedImage] * 2
    assert inner.sizes == []


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (Device.CPU, [6]),
        (Device.OPENVINO, [1, 2, 3, 4, 5, 6]),
        (Device.CUDA, [1, 2, 4, 6]),
        (Device.TENSORRT, [1, 2, 4, 6]),
    ],
)
@in_loop
async def test_warming_up_runs_every_size_that_costs_more_the_first_time(
    device: Device, expected: list[int], session: OnnxSession
) -> None:
    session, inner = gated(session, device=device)
    async with running(session, max_batch_size=6) as runner:
        runner.warm_up()

    assert inner.sizes == expected


@pytest.mark.parametrize(
    ("device", "max_batch_size", "expected"),
    [
        (Device.CPU, 1, [1]),
        (Device.CPU, 4, [1, 2, 3, 4]),
        (Device.OPENVINO, 4, [1, 2, 3, 4]),
        (Device.CUDA, 1, [1]),
        (Device.CUDA, 3, [1, 2, 3]),
        (Device.CUDA, 12, [1, 2, 4, 8, 12]),
        (Device.CUDA, 32, [1, 2, 4, 8, 16, 32]),
        (Device.TENSORRT, 33, [1, 2, 4, 8, 16, 32, 33]),
    ],
)
def test_batch_sizes(device: Device, max_batch_size: int, expected: list[int]) -> None:
    assert batch_sizes(device, max_batch_size) == expected


@in_loop
async def test_batches_of_a_gpu_are_padded_and_answered_without_the_padding(
    session: OnnxSession,
) -> None:
    session, inner = gated(session, device=Device.CUDA)
    async with running(session, max_batch_size=6) as runner:
        one, three = await meanwhile(runner, inner.gate, GREEN, [RED, GREEN, BLUE])
        _, five = await meanwhile(runner, inner.gate, BLUE, [RED] * 5)

    assert inner.sizes == [1, 4, 1, 6]
    assert numbers(one) == exactly((LOW, HIGH, LOW))
    assert numbers(three) == exactly((HIGH, LOW, LOW), (LOW, HIGH, LOW), (LOW, LOW, HIGH))
    assert numbers(five) == exactly(*[(HIGH, LOW, LOW)] * 5)


@in_both_threads
@in_loop
async def test_padding_is_right_wherever_images_are_prepared(
    decode_threads: int, session: OnnxSession
) -> None:
    session, inner = gated(session, device=Device.CUDA)
    # All three arrive long before the batch begins.
    async with running(
        session, decode_threads=decode_threads, max_batch_size=8, max_batch_delay=1.0
    ) as runner:
        taken = asyncio.create_task(runner.infer([RED, GREEN, BLUE], later()))
        await asyncio.sleep(0)
    outcomes = await taken

    assert inner.sizes == [4]
    assert numbers(outcomes) == exactly((HIGH, LOW, LOW), (LOW, HIGH, LOW), (LOW, LOW, HIGH))


@in_both_threads
@in_loop
async def test_only_a_batch_in_which_an_embedding_is_wanted_gives_them(
    decode_threads: int, session: OnnxSession
) -> None:
    session, inner = gated(session)
    inner.gate.shut()
    async with running(
        session,
        answer=lambda colour, row: (colour, row.embedding),
        wants_embedding=lambda colour: colour == BLUE,
        decode_threads=decode_threads,
        max_batch_size=2,
    ) as runner:
        alone = asyncio.create_task(runner.infer([GREEN], later()))
        await inner.gate.arrival()
        mixed = asyncio.create_task(runner.infer([RED, BLUE], later()))
        await asyncio.sleep(0.1)
        inner.gate.open()
        outcomes: list[Any] = [*await alone, *await mixed]

    assert inner.outputs == [["probabilities"], ["probabilities", EMBEDDING]]
    assert [colour for colour, _ in outcomes] == [GREEN, RED, BLUE]
    embeddings = [
        embedding if embedding is None else embedding.tolist() for _, embedding in outcomes
    ]
    assert embeddings == [None, [255.0, 0.0, 0.0], [0.0, 0.0, 255.0]]
