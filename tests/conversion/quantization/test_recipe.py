from pathlib import Path

import numpy as np
import onnx
import pytest

from conversion.quantization.bias import input_means
from conversion.quantization.calibration import Method, ranges
from conversion.quantization.recipe import Recipe, quantize, weighted_nodes
from model_spec import ONNX_FILE
from tests.conversion.brightness import GREYS
from tests.support.graphs import answers

SIMPLE = Recipe(Method.MINMAX, signed=False, reduce_range=False)


def quantized(fp32: Path, recipe: Recipe, folder: Path) -> onnx.ModelProto:
    path = fp32 / ONNX_FILE
    found = ranges(path, recipe.method, GREYS, folder, lambda _: None)
    quantize(path, found, input_means(path, GREYS), recipe, folder / ONNX_FILE)
    return onnx.load(folder / ONNX_FILE)


def test_normalisation_logits_and_softmax_stay_in_float(fp32: Path, tmp_path: Path) -> None:
    graph = quantized(fp32, SIMPLE, tmp_path).graph
    types = [node.op_type for node in graph.node if not node.op_type.endswith("Linear")]
    assert types[:4] == ["Transpose", "Cast", "Sub", "Div"]
    assert types[-2:] == ["Gemm", "Softmax"]
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    (convolution,) = (node for node in graph.node if node.op_type == "Conv")
    assert [made_by[name] for name in convolution.input[:2]] == ["DequantizeLinear"] * 2
    (last,) = (node for node in graph.node if node.op_type == "Gemm")
    assert made_by.keys().isdisjoint(last.input[1:])


@pytest.mark.slow
@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("signed", [False, True])
def test_it_answers_as_the_fp32_graph(
    method: Method, signed: bool, fp32: Path, tmp_path: Path
) -> None:
    recipe = Recipe(method, signed=signed, reduce_range=True)
    quantized(fp32, recipe, tmp_path)
    found, expected = (answers(folder / ONNX_FILE, GREYS) for folder in (tmp_path, fp32))
    # One step of 1/127 of the brightness is 40/127 in the logits.
    np.testing.assert_allclose(found, expected, atol=0.2)
    assert found.shape == expected.shape == (52, 2)


def test_a_node_that_is_kept_has_its_activation_with_it(fp32: Path, tmp_path: Path) -> None:
    ((convolution, activation),) = weighted_nodes(fp32 / ONNX_FILE)
    assert (convolution.op_type, activation.op_type) == ("Conv", "Relu")
    recipe = Recipe(Method.MINMAX, signed=False, reduce_range=False, kept=(convolution.name,))
    graph = quantized(fp32, recipe, tmp_path).graph
    by_type = {node.op_type: node for node in graph.node}
    assert by_type["Conv"].output == by_type["Relu"].input
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    assert made_by[by_type["Conv"].input[0]] == "Div"
    assert str(recipe) == "min-max, uint8 activations, 8-bit weights, 1 node in float"
