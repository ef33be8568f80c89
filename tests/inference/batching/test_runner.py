import asyncio
import contextlib
import dataclasses
import gc
import logging
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from errors import (
    CorruptImage,
    DeadlineExceeded,
    InferenceFailed,
    InternalError,
    UnsupportedImage,
    value_or_raise,
)
from harness.toys import BLACK, BLUE, GREEN, HIGH, LOW, RED, encoded, pixels
from inference import OnnxRunner, OnnxSession
from inference.batching.pipeline import Row
from tests.inference.batching.runners import (
    Colour,
    Pixels,
    Start,
    exactly,
    from_bytes,
    in_both_threads,
    numbers,
    running,
    sample,
)
from tests.support.gates import in_loop, later

THIRD = 1 / 3


@in_loop
async def test_each_image_gets_its_own_probabilities(start: Start) -> None:
    async with start(from_bytes) as runner:
        images = [encoded(colour) for colour in (RED, GREEN, BLUE, BLACK, RED, (0, 85, 170))]
        outcomes = await runner.infer(images, later())
        assert await runner.infer([], later()) == []

    assert numbers(outcomes) == exactly(
        (HIGH, LOW, LOW),
        (LOW, HIGH, LOW),
        (LOW, LOW, HIGH),
        (THIRD, THIRD, THIRD),
        (HIGH, LOW, LOW),
        (1 / 258, 86 / 258, 171 / 258),
    )


@in_loop
async def test_a_bad_image_among_good_ones_gets_its_own_error(start: Start) -> None:
    async with start(from_bytes) as runner:
        images = [encoded(RED), b"not an image", encoded(BLUE), encoded(RED)[:50]]
        red, unsupported, blue, corrupt = await runner.infer(images, later())

    assert numbers([red, blue]) == exactly((HIGH, LOW, LOW), (LOW, LOW, HIGH))
    assert isinstance(unsupported, UnsupportedImage)
    assert isinstance(corrupt, CorruptImage)


@in_loop
async def test_a_defect_in_preparing_is_an_internal_error_of_that_image_alone(
    caplog: pytest.LogCaptureFixture, start: Start
) -> None:
    def breaks_at_green(colour: Colour) -> Pixels:
        if colour == GREEN:
            raise ValueError("secret")
        return pixels(colour)

    with caplog.at_level(logging.ERROR, "image_classifier.runner"):
        async with start(breaks_at_green) as runner:
            red, green, blue = await runner.infer([RED, GREEN, BLUE], later())

    assert numbers([red, blue]) == exactly((HIGH, LOW, LOW), (LOW, LOW, HIGH))
    assert type(green) is InternalError
    assert green.message == "preparing the image failed"
    assert [record.getMessage() for record in caplog.records] == ["preparing an image failed"]
    assert "secret" in caplog.text


@in_both_threads
@in_loop
async def test_a_session_of_another_shape_fails_the_inference(
    decode_threads: int, session: OnnxSession
) -> None:
    two_labels = session.spec.model_copy(update={"labels": ("red", "green")})
    session = dataclasses.replace(session, spec=two_labels)
    async with running(session, decode_threads=decode_threads) as runner:
        outcomes = await runner.infer([RED, GREEN], later())

    assert [type(outcome) for outcome in outcomes] == [InferenceFailed] * 2


@in_both_threads
@in_loop
async def test_a_session_that_fails_once_works_again(
    decode_threads: int, session: OnnxSession
) -> None:
    async with running(session, decode_threads=decode_threads) as runner:
        # The graph is told of another input name: ONNX Runtime itself refuses to run.
        wrong = session.spec.model_copy(update={"input_name": "other"})
        runner._pipeline._session = dataclasses.replace(session, spec=wrong)
        (failed,) = await runner.infer([RED], later())
        runner._pipeline._session = session
        (works,) = await runner.infer([RED], later())

    assert type(failed) is InferenceFailed
    assert failed.message == "inference failed"
    assert numbers([works]) == exactly((HIGH, LOW, LOW))


@in_both_threads
@in_loop
async def test_a_bad_image_keeps_its_own_error_when_its_batch_fails(
    decode_threads: int, session: OnnxSession
) -> None:
    wrong = session.spec.model_copy(update={"input_name": "other"})
    broken = dataclasses.replace(session, spec=wrong)
    async with running(broken, from_bytes, decode_threads=decode_threads) as runner:
        outcomes = await runner.infer([b"no image", encoded(RED)], later())

    assert [type(outcome) for outcome in outcomes] == [UnsupportedImage, InferenceFailed]


@in_loop
async def test_an_error_does_not_keep_what_was_decoded(start: Start) -> None:
    def refuses(colour: Colour) -> Pixels:
        decoded = pixels(colour)
        try:
            raise ValueError(decoded)
        except ValueError as cause:
            raise CorruptImage("bad") from cause

    async with start(refuses) as runner:
        (error,) = await runner.infer([RED], later())

    assert type(error) is CorruptImage
    assert error.__cause__ is None
    assert error.__context__ is None


class Upload:
    """An input that can be watched."""


async def one(runner: OnnxRunner[Upload, Any], upload: Upload) -> None:
    await runner.infer_one(upload, later())


async def one_of_several(runner: OnnxRunner[Upload, Any], upload: Upload) -> None:
    value_or_raise((await runner.infer([upload, Upload()], later()))[0])


@pytest.mark.parametrize("ask", [one, one_of_several])
@in_loop
async def test_nothing_holds_an_input_whose_error_was_answered(
    ask: Callable[[OnnxRunner[Upload, Any], Upload], Awaitable[None]], start: Start
) -> None:
    def prepare(upload: Upload) -> Pixels:
        raise CorruptImage("broken")

    async def answer(upload: Upload) -> None:
        # No variable for the error: with its traceback, it would hold this frame itself.
        with contextlib.suppress(CorruptImage):
            await ask(runner, upload)

    gc.disable()
    try:
        async with start(prepare) as runner:
            upload = Upload()
            watched = weakref.ref(upload)
            await answer(upload)
            del upload
            while watched() is not None:
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


@in_loop
async def test_an_answer_that_fails_fails_no_other(session: OnnxSession) -> None:
    def answer(colour: Colour, row: Row) -> list[float]:
        if colour == GREEN:
            raise ValueError("secret")
        return row.probabilities.tolist()  # type: ignore[no-any-return]

    async with running(session, answer=answer) as runner:
        red, green, blue = await runner.infer([RED, GREEN, BLUE], later())

    assert [red, blue] == exactly((HIGH, LOW, LOW), (LOW, LOW, HIGH))
    assert isinstance(green, InternalError)
    assert "secret" not in str(green)


@in_loop
async def test_one_image_gets_its_own_answer_or_error(start: Start) -> None:
    async with start(from_bytes) as runner:
        assert numbers([await runner.infer_one(encoded(GREEN), later())]) == exactly(
            (LOW, HIGH, LOW)
        )
        with pytest.raises(UnsupportedImage):
            await runner.infer_one(b"no image", later())
        with pytest.raises(DeadlineExceeded):
            await runner.infer_one(encoded(GREEN), later(-1))
        assert sample("pending_images") == 0
