"""What a model sees, in the metrics of one process, and the classes that two agree on."""

from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from inference.answers.drift import LEAST, SHOWN_CLASSES, reference_of
from model_spec import ModelSpec
from serving.metrics.predictions import OTHER, Predictions, Seen, ShownClasses


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"image_classifier_{name}", labels) or 0.0


def test_formats_classes_and_confidences_are_counted_when_they_are_written(
    toy_spec: ModelSpec, tmp_path: Path
) -> None:
    before = value("confidence_bucket", le="0.9")
    predictions = Predictions(toy_spec, 51, tmp_path)
    for seen in (Seen("gif", 2, 0.85), Seen("gif", 2, 0.35), Seen("avif", 0, 0.95)):
        predictions.add(seen)
    assert value("decoded_images_total", format="gif") == 0
    predictions.write()
    assert value("decoded_images_total", format="gif") == 2
    assert value("decoded_images_total", format="avif") == 1
    assert value("predicted_images_total", class_id="2", label="blue") == 2
    assert value("confidence_bucket", le="0.9") - before == 2


def test_the_classes_of_a_reference_are_shown_and_others_share_a_series(
    toy_spec: ModelSpec, tmp_path: Path
) -> None:
    reference = reference_of([(1, 0.95)])
    spec = toy_spec.model_copy(update={"reference": reference})
    before = value("predicted_images_total", class_id=OTHER, label=OTHER)
    predictions = Predictions(spec, 52, tmp_path)
    for class_id in (0, 1, 2):
        predictions.add(Seen("png", class_id, 0.5))
    predictions.write()
    assert value("predicted_images_total", class_id="1", label="green") == 1
    assert value("predicted_images_total", class_id=OTHER, label=OTHER) - before == 2


def test_drift_is_shown_for_each_worker_once_there_is_enough(
    toy_spec: ModelSpec, tmp_path: Path
) -> None:
    spec = toy_spec.model_copy(update={"reference": reference_of([(1, 0.95)] * LEAST)})
    predictions = Predictions(spec, 53, tmp_path)
    index = "image_classifier_population_stability_index"
    labels = {"of": "classes", "worker": "53"}
    for _ in range(LEAST - 1):
        predictions.add(Seen("png", 1, 0.95))
    predictions.write()
    assert REGISTRY.get_sample_value(index, labels) is None
    predictions.add(Seen("png", 1, 0.95))
    predictions.write()
    assert REGISTRY.get_sample_value(index, labels) == 0.0
    assert REGISTRY.get_sample_value(index, labels | {"of": "confidence"}) == 0.0


def test_workers_agree_on_the_classes_that_are_shown(tmp_path: Path) -> None:
    first, second = ShownClasses((), tmp_path), ShownClasses((), tmp_path)
    first.admit([3, 1])
    second.admit([2, 3])
    first.admit([7])
    assert first.ids == {1, 2, 3, 7}
    second.admit([9])
    assert second.ids == {1, 2, 3, 7, 9}


def test_no_more_classes_are_shown_than_may_be(tmp_path: Path) -> None:
    first, second = ShownClasses((), tmp_path), ShownClasses((), tmp_path)
    first.admit(range(15))
    second.admit(range(100, 150))
    first.admit([500])
    assert first.ids == second.ids == {*range(15), *range(100, 105)}
    assert len(first.ids) == SHOWN_CLASSES


def test_without_a_folder_all_share_one_series(tmp_path: Path) -> None:
    shown = ShownClasses((), tmp_path / "gone")
    shown.admit([1])
    assert shown.ids == set()


@pytest.mark.parametrize("ids", [(4,), (4, 5)])
def test_what_is_known_from_the_start_is_not_added_to(ids: tuple[int, ...], tmp_path: Path) -> None:
    shown = ShownClasses(ids, tmp_path)
    shown.admit([1])
    assert shown.ids == set(ids)
