import copy
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from conversion.errors import ConversionError
from conversion.graph.verify import PyTorchModel, verified_embedding, verify
from conversion.outputs.embedding import add_embedding
from conversion.photographs import PHOTOGRAPHS, photograph_pixels
from model_spec import ONNX_FILE, Precision, Preprocessing, Verification
from tests.support import toys

RED = toys.pixels(toys.RED)[np.newaxis]


class ToyNetwork(nn.Module):
    """The toy graph's logits: softmax makes the mean colours plus one, divided by their sum."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.log(images.mean((2, 3)) + 1)


TOY = PyTorchModel(ToyNetwork(), toys.toy_preprocessing(), len(toys.LABELS))


def verified(proto: onnx.ModelProto, folder: Path) -> Verification:
    """Compare a graph with the toy, on a pure red image and the random ones."""
    onnx.save(proto, folder / ONNX_FILE)
    return verify(folder / ONNX_FILE, TOY, RED, Precision.FP32)


def with_one(value: float) -> onnx.ModelProto:
    """The toy with another number added to the mean colours."""
    proto = toys.toy_graph()
    (one,) = [each for each in proto.graph.initializer if each.name == "one"]
    one.CopyFrom(numpy_helper.from_array(np.array([value], np.float32), "one"))
    return proto


def with_last_nodes(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """The toy with more nodes, from `answer` to `probabilities`."""
    proto = toys.toy_graph()
    proto.graph.node[-1].output[0] = "answer"
    proto.graph.node.extend(nodes)
    return proto


def test_the_toys_normalised_pixels_are_torchvisions() -> None:
    np.testing.assert_allclose(TOY.probabilities(RED), [[toys.HIGH, toys.LOW, toys.LOW]], rtol=1e-5)


def test_an_equal_graph_passes(tmp_path: Path) -> None:
    verification = verified(toys.toy_graph(), tmp_path)
    assert verification.max_abs_diff < 1e-6
    assert verification == Verification(
        max_abs_diff=verification.max_abs_diff,
        limit=1e-4,
        top1_agreement=1.0,
        # The red one and seven of random pixels.
        inputs=8,
        batch_sizes=(1, 7),
    )


def test_an_export_passes_on_the_photographs(
    tiny_graph: onnx.ModelProto,
    tiny_network: nn.Module,
    tiny_preprocessing: Preprocessing,
    tmp_path: Path,
) -> None:
    onnx.save(tiny_graph, tmp_path / ONNX_FILE)
    model = PyTorchModel(tiny_network, tiny_preprocessing, 3)
    pixels = photograph_pixels(tiny_preprocessing)
    verification = verify(tmp_path / ONNX_FILE, model, pixels, Precision.FP32)
    assert verification.max_abs_diff < 1e-5
    assert verification.top1_agreement == 1.0
    assert verification.inputs == len(PHOTOGRAPHS) + 7


def test_a_changed_number_is_refused_with_the_difference(tmp_path: Path) -> None:
    # Of the red image: 257/261 instead of 256/258.
    with pytest.raises(ConversionError) as caught:
        verified(with_one(2.0), tmp_path)
    assert str(caught.value) == (
        "not saved: max probability difference to PyTorch = 0.00757, limit 0.0001 (fp32)"
    )


def test_a_changed_weight_of_an_export_is_refused(
    tiny_graph: onnx.ModelProto,
    tiny_network: nn.Module,
    tiny_preprocessing: Preprocessing,
    tmp_path: Path,
) -> None:
    changed = onnx.ModelProto()
    changed.CopyFrom(tiny_graph)
    (bias,) = [each for each in changed.graph.initializer if each.name == "network.5.bias"]
    raised = numpy_helper.to_array(bias) + np.array([0.01, 0, 0], np.float32)
    bias.CopyFrom(numpy_helper.from_array(raised, bias.name))
    onnx.save(changed, tmp_path / ONNX_FILE)
    model = PyTorchModel(tiny_network, tiny_preprocessing, 3)
    pixels = photograph_pixels(tiny_preprocessing)
    with pytest.raises(ConversionError, match=r"difference to PyTorch = 0\.00\d+, limit 0\.0001"):
        verify(tmp_path / ONNX_FILE, model, pixels, Precision.FP32)


@pytest.mark.slow
def test_an_embedding_that_differs_is_left_out_in_float16_and_refused_in_float32(
    tiny_graph: onnx.ModelProto,
    tiny_network: nn.Module,
    tiny_preprocessing: Preprocessing,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    proto = onnx.ModelProto()
    proto.CopyFrom(tiny_graph)
    name = add_embedding(proto, 16)
    assert name is not None
    path = tmp_path / ONNX_FILE
    onnx.save(proto, path)
    pixels = photograph_pixels(tiny_preprocessing)
    model = PyTorchModel(tiny_network, tiny_preprocessing, 3)
    assert verified_embedding(path, model, pixels, Precision.FP32, name) == name

    changed = copy.deepcopy(tiny_network)
    with torch.no_grad():
        next(changed.parameters()).mul_(1.1)
    other = PyTorchModel(changed, tiny_preprocessing, 3)
    with pytest.raises(ConversionError, match="not saved: the embedding differs from PyTorch's by"):
        verified_embedding(path, other, pixels, Precision.FP32, name)
    caplog.set_level(logging.INFO, "image_classifier.conversion.verify")
    assert verified_embedding(path, other, pixels, Precision.FP16, name) is None
    assert caplog.messages[-1].startswith("embedding: none; the embedding differs from PyTorch's")


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"difference to PyTorch = nan, limit 0\.0001"):
        verified(with_one(np.nan), tmp_path)


def test_a_graph_that_fails_in_larger_batches_only_is_refused(tmp_path: Path) -> None:
    proto = with_last_nodes(
        helper.make_node("Shape", ["pixels"], ["size"], start=0, end=1),
        helper.make_node("Cast", ["size"], ["images"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["two", "images"], ["left"]),
        # 0 for one image, no number for more than two.
        helper.make_node("Log", ["left"], ["nothing"]),
        helper.make_node("Add", ["answer", "nothing"], ["probabilities"]),
    )
    proto.graph.initializer.append(numpy_helper.from_array(np.array([2], np.float32), "two"))
    with pytest.raises(ConversionError, match=r"difference to PyTorch = nan"):
        verified(proto, tmp_path)


def renamed(proto: onnx.ModelProto) -> None:
    proto.graph.node[-1].output[0] = proto.graph.output[0].name = "logits"


def fixed(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def floating(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


def upright(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 8


def with_more_classes(proto: onnx.ModelProto) -> None:
    proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 4


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (renamed, "('logits', 'FLOAT', ['batch', 3])"),
        (fixed, "('pixels', 'UINT8', [1, 4, 4, 3])"),
        (floating, "('pixels', 'FLOAT', ['batch', 4, 4, 3])"),
        (upright, "('pixels', 'UINT8', ['batch', 8, 4, 3])"),
        (with_more_classes, "('probabilities', 'FLOAT', ['batch', 4])"),
    ],
)
def test_other_names_types_and_axes_are_refused(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None], found: str
) -> None:
    proto = toys.toy_graph()
    change(proto)
    with pytest.raises(ConversionError, match=r"^not saved: the graph has ") as caught:
        verified(proto, tmp_path)
    has, expected = str(caught.value).split(", expected ")
    assert found in has
    assert found not in expected


def test_answers_of_another_shape_than_the_graph_claims_are_refused(tmp_path: Path) -> None:
    proto = with_last_nodes(
        helper.make_node("Cast", ["shape"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["answer", "whole"], ["probabilities"]),
    )
    proto.graph.initializer.append(numpy_helper.from_array(np.array([-1, 1], np.float32), "shape"))
    with pytest.raises(
        ConversionError,
        match=r"^not saved: the graph gives float32 \(24, 1\), expected float32 \(8, 3\)$",
    ):
        verified(proto, tmp_path)


def with_layers(*operators: str) -> onnx.ModelProto:
    """The toy with layers that change nothing between its first node and its second."""
    parameters = {"Conv": ["filters"], "BatchNormalization": ["ones", "zeros", "zeros", "ones"]}
    layers = [helper.make_node("Transpose", ["numbers"], ["0"], perm=[0, 3, 1, 2])]
    for number, operator in enumerate(operators):
        inputs = [str(number), *parameters[operator]]
        layers.append(helper.make_node(operator, inputs, [str(number + 1)]))
    last = str(len(operators))
    layers.append(helper.make_node("Transpose", [last], ["same"], perm=[0, 2, 3, 1]))

    toy = toys.toy_graph()
    toy.graph.node[1].input[0] = "same"
    proto = toys.toy_graph()
    del proto.graph.node[:]
    proto.graph.node.extend([toy.graph.node[0], *layers, *toy.graph.node[1:]])
    for name, value in {
        "filters": np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1),
        "ones": np.ones(3, np.float32),
        "zeros": np.zeros(3, np.float32),
    }.items():
        proto.graph.initializer.append(numpy_helper.from_array(value, name))
    return proto


def test_a_batch_norm_behind_a_convolution_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"^not saved: 2 batch norms were not fused$"):
        verified(with_layers("Conv", "BatchNormalization", "Conv", "BatchNormalization"), tmp_path)


def test_a_batch_norm_that_no_convolution_can_take_in_passes(tmp_path: Path) -> None:
    verified(with_layers("BatchNormalization", "Conv"), tmp_path)
