from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import GraphProto, numpy_helper
from torch import nn

from conversion.graph.export import export, save
from conversion.quantization.bias import input_means
from conversion.quantization.calibration import Method, ranges
from conversion.quantization.recipe import Recipe, quantize, weighted_nodes
from conversion.request import DEFAULT_OPSET
from harness.toys import toy_graph, toy_preprocessing
from model_spec import ONNX_FILE
from preprocessing.pixels import Pixels
from tests.conversion.brightness import GREYS

pytestmark = pytest.mark.slow

WEIGHTS = np.array([[1.0, 0.3, 0.31], [0.51, -1.0, 0.9]], np.float32)
"""Of two outputs, from three inputs."""

PER_PIXEL = WEIGHTS[:, :, np.newaxis]

ERRORS = np.rint(WEIGHTS * 127) / np.float32(127) - WEIGHTS
"""Of rounding to steps of 1/127: the largest weight of each output is 1."""

REDS = GREYS * np.array([1, 0, 0], np.uint8)

MEAN = 2.0
"""Of each channel of the greys, where the largest value is 4."""


def with_convolution(weights: np.ndarray, bias: float | None, groups: int = 1) -> list[nn.Module]:
    """Images → means of the outputs of a convolution by ``[outputs, inputs, width]``."""
    outputs, inputs, width = weights.shape
    layer = nn.Conv2d(inputs * groups, outputs, (1, width), groups=groups, bias=bias is not None)
    _fill(layer, weights[:, :, np.newaxis], bias)
    return [layer, nn.AdaptiveAvgPool2d(1), nn.Flatten()]


def with_linear(weights: np.ndarray, bias: float) -> list[nn.Module]:
    """Images → outputs of a linear layer of the means."""
    layer = nn.Linear(weights.shape[1], len(weights))
    _fill(layer, weights, bias)
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), layer]


def _fill(layer: nn.Conv2d | nn.Linear, weights: np.ndarray, bias: float | None) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights))
        if layer.bias is not None and bias is not None:
            layer.bias.fill_(bias)


def exported(layers: list[nn.Module], folder: Path) -> Path:
    """The graph of these layers and a last one, for pixels 0…4."""
    preprocessing = toy_preprocessing().model_copy(update={"std": (63.75, 63.75, 63.75)})
    network = nn.Sequential(*layers, nn.ReLU(), nn.LazyLinear(2)).eval()
    network(torch.zeros(1, 3, 4, 4))
    save(export(network, preprocessing, DEFAULT_OPSET), folder)
    return folder / ONNX_FILE


def quantized(fp32: Path, kept: tuple[str, ...] = (), pixels: Pixels = GREYS) -> GraphProto:
    recipe = Recipe(Method.MINMAX, signed=False, reduce_range=False, kept=kept)
    found = ranges(fp32, recipe.method, pixels, fp32.parent, lambda _: None)
    int8 = fp32.with_name("int8.onnx")
    quantize(fp32, found, input_means(fp32, pixels), recipe, int8)
    return onnx.load(int8).graph


def first_bias(graph: GraphProto) -> tuple[np.ndarray, np.ndarray]:
    """The bias of the first layer and the size of its steps; steps of 0 for one in float."""
    values = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    layer = next(node for node in graph.node if node.op_type in ("Conv", "Gemm"))
    if layer.input[2] in values:
        return values[layer.input[2]], np.zeros(1)
    steps, scale = (values[name] for name in made_by[layer.input[2]].input[:2])
    return steps * scale, scale


def test_the_means_are_those_of_each_channel(tmp_path: Path) -> None:
    fp32 = exported(with_convolution(PER_PIXEL, bias=None), tmp_path)
    means = input_means(fp32, REDS)
    (found,) = (each for each in means.values() if len(each) == REDS.shape[-1])
    np.testing.assert_allclose(found, [MEAN, 0, 0], rtol=1e-6)


def test_a_graph_without_convolutions_and_linear_layers_has_no_means(tmp_path: Path) -> None:
    onnx.save(toy_graph(), tmp_path / ONNX_FILE)
    assert input_means(tmp_path / ONNX_FILE, GREYS) == {}


@pytest.mark.parametrize(
    ("layers", "bias"),
    [
        (with_convolution(PER_PIXEL, bias=3.0), 3.0),
        (with_convolution(PER_PIXEL, bias=None), 0.0),
        (with_linear(WEIGHTS, bias=3.0), 3.0),
    ],
    ids=["convolution", "convolution without bias", "linear"],
)
def test_the_bias_makes_up_for_rounded_weights(
    layers: list[nn.Module], bias: float, tmp_path: Path
) -> None:
    found, step = first_bias(quantized(exported(layers, tmp_path)))
    expected = bias - MEAN * ERRORS.sum(axis=1)
    # The bias itself is rounded, and its correction.
    assert np.all(np.abs(found - expected) <= step)
    assert np.all(np.abs(bias - expected) > 2 * step)


def test_each_group_of_a_convolution_has_its_own_inputs(tmp_path: Path) -> None:
    rows = WEIGHTS[:, np.newaxis]
    layers = with_convolution(np.concatenate([rows, rows[:1]]), bias=3.0, groups=3)
    found, step = first_bias(quantized(exported(layers, tmp_path), pixels=REDS))
    # Green and blue are 0 in all images.
    expected = 3.0 - np.array([MEAN * ERRORS[0].sum(), 0, 0])
    assert np.all(np.abs(found - expected) <= step)


def test_a_node_in_float_keeps_its_bias(tmp_path: Path) -> None:
    fp32 = exported(with_convolution(PER_PIXEL, bias=3.0), tmp_path)
    kept = weighted_nodes(fp32)[0][0].name
    found, _ = first_bias(quantized(fp32, (kept,)))
    np.testing.assert_array_equal(found, [3.0, 3.0])
