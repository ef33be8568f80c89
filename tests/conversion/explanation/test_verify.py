from pathlib import Path

import onnx
import pytest

from conversion.explanation.verify import explanation_of
from model_spec import EXPLANATION_FILE, ONNX_FILE, Explanation, Precision
from tests.conversion.explanation.heads import CLASSES, GEMM, HEADS, OTHERS, PIXELS, SOFTMAX, graph


def explained(
    folder: Path, proto: onnx.ModelProto, classes: int = CLASSES, precision: Precision | None = None
) -> Explanation:
    onnx.save(proto, folder / ONNX_FILE)
    return explanation_of(folder, PIXELS, precision or Precision.FP32, classes)


@pytest.mark.parametrize("name", HEADS)
def test_maps_that_add_up_are_kept(name: str, tmp_path: Path) -> None:
    found = explained(tmp_path, graph(*HEADS[name]))
    assert found.reason is None
    assert found.class_activation is not None
    assert found.class_activation.size == (4, 4)
    assert found.class_activation.max_difference <= found.class_activation.limit == 1e-4
    assert found.files == [EXPLANATION_FILE]
    assert (tmp_path / EXPLANATION_FILE).exists()


@pytest.mark.parametrize(("reason", "head"), OTHERS.items())
def test_a_model_without_maps_says_why(reason: str, head: tuple[str, ...], tmp_path: Path) -> None:
    assert explained(tmp_path, graph(*head)) == Explanation(reason=reason)
    assert not (tmp_path / EXPLANATION_FILE).exists()


def test_maps_that_do_not_add_up_are_not_kept(tmp_path: Path) -> None:
    # Gather is passed over as what only moves numbers; this one repeats a channel.
    means = "means = ReduceMean <keepdims = 0> (features, places)"
    repeated = "pooled = Gather <axis = 1> (means, twice)"
    reason = explained(tmp_path, graph(means, repeated, GEMM, SOFTMAX)).reason
    assert reason is not None
    assert reason.startswith("the maps do not add up to the logits: difference ")
    assert not (tmp_path / EXPLANATION_FILE).exists()


def test_a_network_with_other_outputs_than_classes_has_no_maps(tmp_path: Path) -> None:
    found = explained(tmp_path, graph(*HEADS["matrix product alone"]), classes=2)
    assert found == Explanation(reason="the network has 3 outputs for 2 classes")


def test_rounded_numbers_may_differ_more(tmp_path: Path) -> None:
    found = explained(tmp_path, graph(*HEADS["sigmoid"]), precision=Precision.FP16)
    assert found.class_activation is not None
    assert found.class_activation.limit == 0.05
