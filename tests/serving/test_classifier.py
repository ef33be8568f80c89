import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from errors import (
    ClassifierError,
    CorruptImage,
    ImageTooLarge,
    InvalidParameter,
    ModelUnavailable,
)
from inference import open_session
from inference.batch_size import Sizes
from model_spec import ModelSpec
from preprocessing import decode_scaled, least_side, transform
from serving.api.schema import ClassifyBatchOutput, ClassifyOutput, HealthOutput
from serving.classifier import Classifier
from serving.health import Monitor
from serving.workers.sizing import runner_options
from settings import Device, Settings
from tests.support.images import LIMITS, save, textured
from tests.support.toys import BLACK, GREEN, RED, encoded, write_toy_model

Use = Callable[[Classifier], Awaitable[Any]]


def with_classifier(folder: Path, use: Use, **chosen: Any) -> Any:
    """Start the toy in an event loop of its own, with chosen settings, use it, close it."""

    async def run() -> Any:
        settings = Settings(**chosen)
        session = open_session(folder, Device.CPU, intra_op_threads=1)
        options = runner_options(settings, Device.CPU, lambda: Sizes(4, 4))
        classifier = Classifier("image_classifier:toy", session, options, settings)
        try:
            classifier.start(folder)
            return await use(classifier)
        finally:
            await classifier.close()

    return asyncio.run(run())


def soon() -> float:
    return time.monotonic() + 10


def test_equal_probabilities_are_ordered_by_class_id(toy_folder: Path) -> None:
    answer = with_classifier(toy_folder, lambda toy: toy.classify(encoded(BLACK), None, soon()))
    assert [each["class_id"] for each in answer["predictions"]] == [0, 1, 2]
    assert answer["confidence"] == 0.333333


@pytest.mark.parametrize("top_k", [None, 4, 10**100])
def test_a_top_k_above_the_number_of_classes_gives_them_all(
    toy_folder: Path, top_k: int | None
) -> None:
    answer = with_classifier(toy_folder, lambda toy: toy.classify(encoded(RED), top_k, soon()))
    assert [each["label"] for each in answer["predictions"]] == ["red", "green", "blue"]


@pytest.mark.parametrize("top_k", [0, -1])
def test_a_top_k_below_1_is_refused(toy_folder: Path, top_k: int) -> None:
    with pytest.raises(InvalidParameter, match=f"top_k must be at least 1, not '{top_k}'"):
        with_classifier(toy_folder, lambda toy: toy.classify(encoded(RED), top_k, soon()))


@pytest.mark.parametrize(("scaled_decode", "size"), [(True, (32, 16)), (False, (64, 32))])
def test_a_large_jpeg_is_decoded_scaled_unless_that_is_turned_off(
    scaled_decode: bool, size: tuple[int, int], toy_folder: Path, toy_spec: ModelSpec
) -> None:
    jpeg = save(textured(64, 32), "JPEG")
    least = least_side(toy_spec.preprocessing) if scaled_decode else None
    decoded = decode_scaled(jpeg, LIMITS, least)
    pixels = transform(decoded.image, toy_spec.preprocessing, decoded.box)
    session = open_session(toy_folder, Device.CPU, intra_op_threads=1)

    answer = with_classifier(
        toy_folder, lambda toy: toy.classify(jpeg, 1, soon()), scaled_decode=scaled_decode
    )

    assert decoded.image.size == size
    assert answer["confidence"] == round(float(session.run(pixels[None])[0].max()), 6)


def test_errors_of_a_batch_keep_their_places(toy_folder: Path) -> None:
    images: list[bytes | memoryview | ClassifierError] = [
        CorruptImage("sent broken"),
        encoded(GREEN),
        b"no image",
    ]
    answer = with_classifier(toy_folder, lambda toy: toy.classify_batch(images, 1, soon()))
    first, second, third = answer["results"]
    assert first == {"error": {"code": "corrupt_image", "message": "sent broken"}}
    assert second["label"] == "green"
    assert third["error"]["code"] == "unsupported_image"


def test_answers_are_what_the_schema_says(toy_folder: Path) -> None:
    async def both(toy: Classifier) -> tuple[dict[str, Any], dict[str, Any]]:
        one = await toy.classify(encoded(RED), 2, soon())
        return one, await toy.classify_batch([encoded(RED), b"no image"], 2, soon())

    one, batch = with_classifier(toy_folder, both)
    assert ClassifyOutput.model_validate(one).model_dump() == one
    assert ClassifyBatchOutput.model_validate(batch).model_dump() == batch
    health = Monitor().health().model_dump()
    assert HealthOutput.model_validate(health).model_dump() == health


def test_a_golden_answer_within_the_tolerance_is_healthy(tmp_path: Path) -> None:
    write_toy_model(tmp_path, confidence=256 / 258 - 0.0199)
    with_classifier(tmp_path, lambda toy: toy.classify(encoded(RED), None, soon()))


def test_a_golden_answer_outside_the_tolerance_is_not(tmp_path: Path) -> None:
    write_toy_model(tmp_path, confidence=256 / 258 - 0.0201)
    with pytest.raises(ModelUnavailable, match=r"class 0 got 0\.9922, PyTorch gave 0\.9721"):
        with_classifier(tmp_path, lambda toy: toy.classify(encoded(RED), None, soon()))


def test_before_a_model_is_loaded_nothing_is_ready() -> None:
    monitor = Monitor()
    with pytest.raises(ModelUnavailable):
        monitor.ready_classifier()
    assert monitor.health().http_status == 503
    assert monitor.health().reason == "the model is still loading"


def test_the_golden_image_is_not_held_to_the_limits_for_clients(toy_folder: Path) -> None:
    settings = Settings(max_pixels=1)
    session = open_session(toy_folder, Device.CPU, intra_op_threads=1)

    async def run() -> None:
        options = runner_options(settings, Device.CPU, lambda: Sizes(4, 4))
        classifier = Classifier("toy", session, options, settings)
        classifier.start(toy_folder)
        await classifier.close()

    asyncio.run(run())


@pytest.mark.slow
def test_unusual_images_are_answered_beside_ordinary_ones(toy_folder: Path) -> None:
    images = [
        encoded(RED, (16, 16), "GIF"),
        encoded(GREEN),
        b"no image",
        encoded(GREEN, (16, 16), "AVIF"),
        encoded(RED, (16, 16), "JPEG")[:-9],
    ]

    answer = with_classifier(toy_folder, lambda toy: toy.classify_batch(images, 1, soon()))

    found = [each.get("label") or each["error"]["code"] for each in answer["results"]]
    assert found == ["red", "green", "unsupported_image", "green", "corrupt_image"]


@pytest.mark.parametrize("image_format", ["GIF", "JPEG"])
@pytest.mark.slow
def test_the_images_of_a_request_share_its_processor_time(
    image_format: str, toy_folder: Path
) -> None:
    # A millisecond is over after one of these, in place or apart.
    images = [save(textured(1500, 1200), image_format)] * 8

    answer = with_classifier(
        toy_folder, lambda toy: toy.classify_batch(images, 1, soon()), decode_cpu_ms=1
    )

    codes = [each.get("error", {}).get("code") for each in answer["results"]]
    assert codes[1:] == ["image_too_large"] * 7


@pytest.mark.slow
def test_an_unusual_image_that_takes_too_much_memory_is_refused(toy_folder: Path) -> None:
    large = save(Image.new("RGBA", (2500, 2500)), "PNG")

    with pytest.raises(ImageTooLarge, match="more than 1000000 bytes of memory"):
        with_classifier(
            toy_folder, lambda toy: toy.classify(large, 1, soon()), decode_memory_bytes=1_000_000
        )
