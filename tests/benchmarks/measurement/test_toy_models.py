from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from benchmarks.measurement.core import Core
from benchmarks.measurement.toy_models import write
from benchmarks.photographs import make
from conversion.photographs import GOLDEN
from model_spec import ONNX_FILE

pytestmark = pytest.mark.slow  # importing torch takes seconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a folder for each toy."""
    parent = tmp_path_factory.mktemp("toys")
    for name in ("near_zero", "sublinear"):
        (parent / name).mkdir()
        write(name, parent / name).save(parent / name)
    return parent


def test_the_golden_image_gets_the_answer_in_the_spec(folder: Path) -> None:
    core = Core(folder / "near_zero")
    (answer,) = core.classify([GOLDEN.read_bytes()])
    assert answer["class_id"] == core.spec.golden.class_id
    assert answer["confidence"] == pytest.approx(core.spec.golden.confidence, abs=1e-6)
    assert answer["predictions"][0]["class_id"] == answer["class_id"]


def test_photographs_differ_in_their_classes(folder: Path) -> None:
    classes = {each["class_id"] for each in Core(folder / "near_zero").classify(make(8))}
    assert len(classes) >= 4


def test_the_fixed_cost_does_not_change_answers(folder: Path) -> None:
    toys = [Core(folder / name) for name in ("near_zero", "sublinear")]
    pixels = [toys[0].pixels(each) for each in make(4)]
    first, second = (core.probabilities(pixels) for core in toys)
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_the_fixed_cost_is_not_folded_away(folder: Path, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / ONNX_FILE)
    onnxruntime.InferenceSession(
        str(folder / "sublinear" / ONNX_FILE), options, providers=["CPUExecutionProvider"]
    )
    operators = [node.op_type for node in onnx.load(tmp_path / ONNX_FILE).graph.node]
    assert sum("MatMul" in operator for operator in operators) == 7
