import asyncio
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from errors import CorruptImage, ImageTooLarge, InvalidParameter, ModelUnavailable
from harness.images import LIMITS, save, textured
from harness.toys import BLACK, GREEN, RED, encoded, write_toy_model
from inference import open_session
from inference.answers.embedding import EmbeddingForm
from model_spec import Activation, ModelSpec
from preprocessing import decode_scaled, least_side, transform
from serving.api.schema import ClassifyBatchOutput, ClassifyOutput, HealthOutput
from serving.classifier import Classifier
from serving.health import Monitor
from serving.parameters import DEFAULTS, Parameters
from settings import Device
from tests.serving.classifiers import batch_classified, classified, with_classifier
from tests.support.gates import later


@pytest.mark.parametrize("top_k", [None, 4, 10**100])
def test_a_top_k_above_the_number_of_classes_gives_them_all(
    toy_folder: Path, top_k: int | None
) -> None:
    answer = classified(toy_folder, encoded(RED), Parameters(top_k))
    assert [each["label"] for each in answer["predictions"]] == ["red", "green", "blue"]


@pytest.mark.parametrize("top_k", [0, -1])
def test_a_top_k_below_1_is_refused(toy_folder: Path, top_k: int) -> None:
    with pytest.raises(InvalidParameter, match=f"top_k must be at least 1, not '{top_k}'"):
        classified(toy_folder, encoded(RED), Parameters(top_k))


@pytest.mark.parametrize(("scaled_decode", "size"), [(True, (32, 16)), (False, (64, 32))])
def test_a_large_jpeg_is_decoded_scaled_unless_that_is_turned_off(
    scaled_decode: bool, size: tuple[int, int], toy_folder: Path, toy_spec: ModelSpec
) -> None:
    jpeg = save(textured(64, 32), "JPEG")
    least = least_side(toy_spec.preprocessing) if scaled_decode else None
    decoded = decode_scaled(jpeg, LIMITS, least)
    pixels = transform(decoded.image, toy_spec.preprocessing, decoded.box)
    session = open_session(toy_folder, Device.CPU, intra_op_threads=1)

    answer = classified(toy_folder, jpeg, Parameters(1), scaled_decode=scaled_decode)

    assert decoded.image.size == size
    assert answer["confidence"] == round(float(session.run(pixels[None])[0].max()), 6)


def test_errors_of_a_batch_keep_their_places(toy_folder: Path) -> None:
    first, second, third = batch_classified(
        toy_folder, [CorruptImage("sent broken"), encoded(GREEN), b"no image"], Parameters(1)
    )
    assert first == {"error": {"code": "corrupt_image", "message": "sent broken"}}
    assert second["label"] == "green"
    assert third["error"]["code"] == "unsupported_image"


def test_answers_are_what_the_schema_says(toy_folder: Path) -> None:
    async def both(toy: Classifier) -> tuple[dict[str, Any], dict[str, Any]]:
        one = await toy.classify(encoded(RED), Parameters(2), later())
        return one, await toy.classify_batch([encoded(RED), b"no image"], Parameters(2), later())

    one, batch = with_classifier(toy_folder, both)
    # Keys that were not asked for are absent, not null.
    assert ClassifyOutput.model_validate(one).model_dump(exclude_unset=True) == one
    assert ClassifyBatchOutput.model_validate(batch).model_dump(exclude_unset=True) == batch
    health = Monitor().health().model_dump()
    assert HealthOutput.model_validate(health).model_dump() == health


def test_a_golden_answer_within_the_tolerance_is_healthy(tmp_path: Path) -> None:
    write_toy_model(tmp_path, confidence=256 / 258 - 0.0199)
    classified(tmp_path, encoded(RED))


def test_a_golden_answer_outside_the_tolerance_is_not(tmp_path: Path) -> None:
    write_toy_model(tmp_path, confidence=256 / 258 - 0.0201)
    with pytest.raises(ModelUnavailable, match=r"class 0 got 0\.9922, PyTorch gave 0\.9721"):
        classified(tmp_path, encoded(RED))


def test_before_a_model_is_loaded_nothing_is_ready() -> None:
    monitor = Monitor()
    with pytest.raises(ModelUnavailable):
        monitor.ready_classifier()
    assert monitor.health().http_status == 503
    assert monitor.health().reason == "the model is still loading"


def test_the_golden_image_is_not_held_to_the_limits_for_clients(toy_folder: Path) -> None:
    with_classifier(toy_folder, lambda toy: asyncio.sleep(0), max_pixels=1)


@pytest.mark.slow
def test_unusual_images_are_answered_beside_ordinary_ones(toy_folder: Path) -> None:
    images = [
        encoded(RED, (16, 16), "GIF"),
        encoded(GREEN),
        b"no image",
        encoded(GREEN, (16, 16), "AVIF"),
        encoded(RED, (16, 16), "JPEG")[:-9],
    ]

    results = batch_classified(toy_folder, images, Parameters(1))

    found = [each.get("label") or each["error"]["code"] for each in results]
    assert found == ["red", "green", "unsupported_image", "green", "corrupt_image"]


@pytest.mark.parametrize("image_format", ["GIF", "JPEG"])
@pytest.mark.slow
def test_the_images_of_a_request_share_its_processor_time(
    image_format: str, toy_folder: Path
) -> None:
    # A millisecond is over after one of these, in place or apart.
    images = [save(textured(1500, 1200), image_format)] * 8

    results = batch_classified(toy_folder, images, Parameters(1), decode_cpu_ms=1)

    codes = [each.get("error", {}).get("code") for each in results]
    assert codes[1:] == ["image_too_large"] * 7


@pytest.mark.slow
def test_an_unusual_image_that_takes_too_much_memory_is_refused(toy_folder: Path) -> None:
    large = save(Image.new("RGBA", (2500, 2500)), "PNG")

    with pytest.raises(ImageTooLarge, match="more than 1000000 bytes of memory"):
        classified(toy_folder, large, Parameters(1), decode_memory_bytes=1_000_000)


def toy_with(folder: Path, spec: ModelSpec, **fields: Any) -> Path:
    """The toy's folder, with other fields in its spec."""
    spec.model_copy(update=fields).save(folder)
    return folder


@pytest.mark.parametrize(
    ("threshold", "decided"),
    [
        (None, {}),
        (0.99, {"decision": "red", "reason": None}),
        (
            0.993,
            {
                "decision": None,
                "reason": "the confidence 0.992248 in 'red' is below its threshold 0.993",
            },
        ),
    ],
)
def test_a_client_that_names_a_threshold_gets_a_decision(
    threshold: float | None, decided: dict[str, Any], toy_folder: Path
) -> None:
    wanted = Parameters(threshold=threshold)
    answer = classified(toy_folder, encoded(RED), wanted)
    assert {key: answer[key] for key in ("decision", "reason") if key in answer} == decided
    assert answer["label"] == "red"


def test_the_models_own_thresholds_decide_unless_the_client_names_one(
    toy_folder: Path, toy_spec: ModelSpec
) -> None:
    folder = toy_with(toy_folder, toy_spec, thresholds=(1.0, 0.5, 0.5))

    async def both(toy: Classifier) -> list[Any]:
        images = [encoded(RED), encoded(GREEN)]
        own = await toy.classify_batch(images, DEFAULTS, later())
        named = await toy.classify_batch(images, Parameters(threshold=0.5), later())
        return [result["decision"] for answer in (own, named) for result in answer["results"]]

    assert with_classifier(folder, both) == [None, "green", "red", "green"]


def test_of_a_model_for_several_labels_the_decision_is_a_list(
    toy_folder: Path, toy_spec: ModelSpec
) -> None:
    folder = toy_with(
        toy_folder, toy_spec, activation=Activation.SIGMOID, multi_label=True, thresholds=(0.3,)
    )

    async def answers(toy: Classifier) -> list[dict[str, Any]]:
        return [
            await toy.classify(encoded(BLACK), DEFAULTS, later()),
            await toy.classify(encoded(BLACK), Parameters(1, 0.4), later()),
        ]

    low, high = with_classifier(folder, answers)
    assert (low["activation"], low["decision"]) == ("sigmoid", ["red", "green", "blue"])
    assert (high["decision"], high["reason"]) == (
        [],
        "no confidence reaches the threshold of its class",
    )
    assert ClassifyOutput.model_validate(low).decision == low["decision"]


@pytest.mark.parametrize("threshold", [-0.1, 1.1])
def test_a_threshold_out_of_its_bounds_is_refused(threshold: float, toy_folder: Path) -> None:
    wanted = Parameters(threshold=threshold)
    with pytest.raises(InvalidParameter, match="threshold must be from 0 to 1"):
        classified(toy_folder, encoded(RED), wanted)


def test_an_embedding_is_given_to_the_client_that_asks(toy_folder: Path) -> None:
    async def both(toy: Classifier) -> tuple[dict[str, Any], dict[str, Any]]:
        wanted = Parameters(1, embedding=EmbeddingForm.LIST, normalised=True)
        return await asyncio.gather(
            toy.classify_batch([encoded(RED), encoded(GREEN)], wanted, later()),
            toy.classify_batch([encoded(RED)], Parameters(1), later()),
        )

    asked, plain = with_classifier(toy_folder, both)
    assert [each["embedding"] for each in asked["results"]] == [[1, 0, 0], [0, 1, 0]]
    assert "embedding" not in plain["results"][0]
    dumped = ClassifyBatchOutput.model_validate(asked).model_dump(exclude_unset=True)
    assert dumped == asked


def test_a_model_without_embedding_says_so(toy_folder: Path, toy_spec: ModelSpec) -> None:
    folder = toy_with(toy_folder, toy_spec, embedding=None)
    wanted = Parameters(embedding=EmbeddingForm.LIST)
    with pytest.raises(InvalidParameter, match="embedding: this model has none; its network"):
        classified(folder, encoded(RED), wanted)
    declined = Parameters(embedding=EmbeddingForm.NONE)
    answer = classified(folder, encoded(RED), declined)
    assert "embedding" not in answer
