import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from errors import CorruptImage, DeadlineExceeded, InvalidParameter, ModelUnavailable, Overloaded
from harness.images import save, textured
from harness.toys import HIGH, LOW, MAPPED_HIGH, RED, encoded
from inference.explanation.activations import ActivationSession
from model_spec import EXPLANATION_FILE
from serving.api.schema import ClassifyOutput, ExplainOutput
from serving.explanation import explainer
from serving.explanation.explainer import Explainer
from serving.parameters import Parameters
from tests.serving.classifiers import explained, with_explainer
from tests.support.gates import later


def test_a_model_with_maps_is_explained_by_them(mapped_folder: Path) -> None:
    answer = explained(mapped_folder, encoded(RED), Parameters(2))
    assert answer.pop("processing_time") > 0
    assert answer == {
        "predictions": [
            {
                "class_id": class_id,
                "label": label,
                "confidence": pytest.approx(confidence, abs=1e-6),
                "logit": logit,
                "map": {"height": 4, "width": 4, "values": [[logit] * 4] * 4},
                "check": {"mean_plus_bias": logit},
            }
            for class_id, label, confidence, logit in (
                (0, "red", MAPPED_HIGH, 255 / 64),
                (2, "blue", MAPPED_HIGH / 2.718281828 ** (255 / 64), 0.0),
            )
        ],
        "crop": {"x": 0.0, "y": 0.0, "width": 8.0, "height": 8.0},
        "image": {"width": 8, "height": 8},
        "method": "class_activation",
        "model": "image_classifier:toy",
        "gpu_utilization": None,
        "activation": "softmax",
    }


def test_a_model_without_maps_is_explained_by_occlusion(toy_folder: Path) -> None:
    answer = explained(toy_folder, encoded(RED), Parameters(1))
    (red,) = answer["predictions"]
    # One of the 16 places falls from 255, 0, 0 to 127, 127, 127.
    means = 255 - 128 / 16, 127 / 16
    covered = (means[0] + 1) / (means[0] + 2 * means[1] + 3)
    assert red["map"]["values"] == [[pytest.approx(HIGH - covered, abs=1e-6)] * 4] * 4
    assert (red["confidence"], red["logit"], red["check"]) == (round(HIGH, 6), None, None)
    assert answer["method"] == "occlusion"
    assert LOW < covered < HIGH


def test_answers_are_what_the_schema_says(mapped_folder: Path) -> None:
    answer = explained(mapped_folder, encoded(RED))
    told = ExplainOutput.model_validate(answer).model_dump(mode="json", exclude_unset=True)
    assert told == answer


def test_an_answer_of_classify_can_explain_itself(mapped_folder: Path) -> None:
    parameters = Parameters(2, threshold=0.5, explain=True, class_ids=(1,))

    async def ask(toy: Explainer) -> list[dict[str, Any]]:
        return [
            await toy.classify(encoded(RED), parameters, later()),
            await toy.explain(encoded(RED), parameters, later()),
            await toy.classifier.classify(encoded(RED), parameters, later()),
        ]

    both, explained, classified = with_explainer(mapped_folder, ask)
    told = ClassifyOutput.model_validate(both).model_dump(mode="json", exclude_unset=True)
    assert told == both
    part = ("predictions", "crop", "image", "method")
    assert both.pop("explanation") == {name: explained[name] for name in part}
    assert [each["label"] for each in both["predictions"]] == ["red", "blue"]
    assert both["decision"] == "red"
    for answer in (both, classified):
        assert answer.pop("processing_time") > 0
    assert both == classified


@pytest.mark.parametrize("image_format", ["PNG", "GIF"])
@pytest.mark.slow  # a GIF is decoded in a process of its own
def test_every_kind_of_image_is_explained(image_format: str, mapped_folder: Path) -> None:
    image = encoded(RED, (20, 10), image_format)
    answer = explained(mapped_folder, image, Parameters(1))
    assert answer["predictions"][0]["label"] == "red"
    assert answer["image"] == {"width": 20, "height": 10}
    assert answer["crop"] == {"x": 5.0, "y": 0.0, "width": 10.0, "height": 10.0}


def test_the_size_of_a_photograph_that_is_decoded_scaled_is_its_own(mapped_folder: Path) -> None:
    image = save(textured(641, 479), "JPEG")
    answer = explained(mapped_folder, image, Parameters(1))
    assert answer["image"] == {"width": 641, "height": 479}


def test_a_bad_image_or_class_is_refused(mapped_folder: Path) -> None:
    async def ask(toy: Explainer) -> None:
        with pytest.raises(CorruptImage):
            await toy.explain(encoded(RED, (64, 64), "JPEG")[:400], Parameters(), later())
        with pytest.raises(InvalidParameter):
            await toy.explain(encoded(RED), Parameters(class_ids=(3,)), later())

    with_explainer(mapped_folder, ask)


def test_more_explanations_than_the_limit_are_refused(mapped_folder: Path) -> None:
    async def ask(toy: Explainer) -> Any:
        return await asyncio.gather(
            *(toy.explain(encoded(RED), Parameters(1), later()) for _ in range(3)),
            return_exceptions=True,
        )

    first, second, third = with_explainer(mapped_folder, ask, max_pending_explanations=2)
    assert first["predictions"] == second["predictions"]
    assert isinstance(third, Overloaded)
    assert third.message == "2 explanations are waiting"
    assert third.headers == {"retry-after": "1"}


@pytest.mark.parametrize("folder", ["mapped_folder", "toy_folder"])
def test_a_deadline_that_has_passed_is_told(folder: str, request: pytest.FixtureRequest) -> None:
    async def ask(toy: Explainer) -> Any:
        with pytest.raises(DeadlineExceeded):
            await toy.explain(encoded(RED), Parameters(1), time.monotonic())
        return await toy.explain(encoded(RED), Parameters(1), later())

    answer = with_explainer(request.getfixturevalue(folder), ask)
    assert answer["predictions"][0]["label"] == "red"


@pytest.mark.parametrize("content", [None, b"", b"damaged"])
def test_maps_that_cannot_be_loaded_are_an_error_of_the_service(
    content: bytes | None, mapped_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = mapped_folder / EXPLANATION_FILE

    async def ask(toy: Explainer) -> None:
        converted = file.read_bytes()
        file.unlink() if content is None else file.write_bytes(content)
        with pytest.raises(ModelUnavailable) as caught:
            await toy.explain(encoded(RED), Parameters(1), later())
        assert caught.value.message == (
            "cannot load the maps: model.onnx or explanation.onnx-part is missing or damaged"
        )
        file.write_bytes(converted)
        await toy.explain(encoded(RED), Parameters(1), later())

    with_explainer(mapped_folder, ask)
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert str(file) in record.getMessage()


def test_the_session_is_opened_at_the_first_explanation_and_dropped_when_nobody_asks(
    mapped_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explainer, "_IDLE_SECONDS", 0.05)

    async def ask(toy: Explainer) -> list[ActivationSession | None]:
        seen = [toy._session]
        await toy.explain(encoded(RED), Parameters(1), later())
        seen.append(toy._session)
        await asyncio.sleep(0.5)
        seen.append(toy._session)
        await toy.explain(encoded(RED), Parameters(1), later())
        return [*seen, toy._session]

    before, opened, dropped, again = with_explainer(mapped_folder, ask)
    assert before is None
    assert dropped is None
    assert opened is not again
    assert None not in (opened, again)
