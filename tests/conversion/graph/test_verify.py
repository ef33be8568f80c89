import copy
import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper, parser
from torch import nn

from conversion.errors import ConversionError
from conversion.graph.verify import PyTorchModel, verify
from conversion.outputs.embedding import add_embedding
from conversion.photographs import PHOTOGRAPHS, photograph_pixels
from harness import toys
from model_spec import ONNX_FILE, Precision, Preprocessing, Verification
from tests.support.refusals import refusal

RED = toys.pixels(toys.RED)[np.newaxis]


class ToyNetwork(nn.Module):
    """The toy graph's logits: softmax makes the mean colours plus one, divided by their sum."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.log(images.mean((2, 3)) + 1)


TOY = PyTorchModel(ToyNetwork(), toys.toy_preprocessing(), len(toys.LABELS))


def verified(proto: onnx.ModelProto, folder: Path) -> Verification:
    """Compare a graph with the toy, on a pure red image and the random ones."""
    onnx.save(proto, folder / ONNX_FILE)
    return verify(folder / ONNX_FILE, TOY, RED, Precision.FP32)[0]


def toy(after: int = 0, *nodes: str, **constants: np.ndarray) -> onnx.ModelProto:
    """The toy with nodes, as text, inserted after the first ones; constants may be its own."""
    proto = toys.toy_graph()
    kept = [each for each in proto.graph.initializer if each.name not in constants]
    added = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    own = list(proto.graph.node)
    del proto.graph.node[:], proto.graph.initializer[:]
    proto.graph.node.extend([*own[:after], *map(parser.parse_node, nodes), *own[after:]])
    proto.graph.initializer.extend([*kept, *added])
    return proto


def with_one(value: float) -> onnx.ModelProto:
    """The toy with another number added to the mean colours."""
    return toy(one=np.array([value], np.float32))


def with_last_nodes(*nodes: str, **constants: np.ndarray) -> onnx.ModelProto:
    """The toy with more nodes, from `answer` to `probabilities`."""
    proto = toy(5, *nodes, **constants)
    proto.graph.node[4].output[0] = "answer"
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
    verification, embedding = verify(tmp_path / ONNX_FILE, model, pixels, Precision.FP32)
    assert embedding is None
    assert verification.max_abs_diff < 1e-5
    assert verification.top1_agreement == 1.0
    assert verification.inputs == len(PHOTOGRAPHS) + 7


def test_a_changed_number_is_refused_with_the_difference(tmp_path: Path) -> None:
    # Of the red image: 257/261 instead of 256/258.
    assert refusal(verified, with_one(2.0), tmp_path) == (
        "not saved: max probability difference to PyTorch = 0.00757, limit 0.0001 (fp32)"
    )


@pytest.mark.slow
def test_an_embedding_that_differs_is_left_out_in_float16_and_refused_in_float32(
    tiny_graph: onnx.ModelProto,
    tiny_network: nn.Module,
    tiny_preprocessing: Preprocessing,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = add_embedding(tiny_graph, 16)
    path = tmp_path / ONNX_FILE
    onnx.save(tiny_graph, path)
    pixels = photograph_pixels(tiny_preprocessing)
    model = PyTorchModel(tiny_network, tiny_preprocessing, 3)
    assert verify(path, model, pixels, Precision.FP32, name)[1] == name

    # All embeddings are 1.1 times as large, and the answers as they were.
    changed = copy.deepcopy(tiny_network)
    with torch.no_grad():
        changed.get_parameter("1.weight").mul_(1.1)
        changed.get_parameter("1.bias").mul_(1.1)
        changed.get_parameter("5.weight").div_(1.1)
    other = PyTorchModel(changed, tiny_preprocessing, 3)
    with pytest.raises(ConversionError, match="not saved: the embedding differs from PyTorch's by"):
        verify(path, other, pixels, Precision.FP32, name)
    caplog.set_level(logging.INFO, "image_classifier.conversion.verify")
    assert verify(path, other, pixels, Precision.FP16, name)[1] is None
    assert caplog.messages[-1].startswith("embedding: none; the embedding differs from PyTorch's")


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"difference to PyTorch = nan, limit 0\.0001"):
        verified(with_one(np.nan), tmp_path)


def test_a_graph_that_fails_in_larger_batches_only_is_refused(tmp_path: Path) -> None:
    proto = with_last_nodes(
        "size = Shape <start = 0, end = 1> (pixels)",
        "images = Cast <to = 1> (size)",
        "left = Sub (two, images)",
        # 0 for one image, no number for more than two.
        "nothing = Log (left)",
        "probabilities = Add (answer, nothing)",
        two=np.array([2], np.float32),
    )
    with pytest.raises(ConversionError, match=r"difference to PyTorch = nan"):
        verified(proto, tmp_path)


PIXELS, PROBABILITIES = "uint8[batch, 4, 4, 3] pixels", "float[batch, 3] probabilities"


@pytest.mark.parametrize(
    ("takes", "gives", "found"),
    [
        (PIXELS, "float[batch, 3] logits", "logits float [batch, 3]"),
        (PIXELS, "float[batch, 4] probabilities", "probabilities float [batch, 4]"),
        ("uint8[1, 4, 4, 3] pixels", PROBABILITIES, "pixels uint8 [1, 4, 4, 3]"),
        ("float[batch, 4, 4, 3] pixels", PROBABILITIES, "pixels float [batch, 4, 4, 3]"),
        ("uint8[batch, 8, 4, 3] pixels", PROBABILITIES, "pixels uint8 [batch, 8, 4, 3]"),
    ],
)
def test_other_names_types_and_axes_are_refused(
    tmp_path: Path, takes: str, gives: str, found: str
) -> None:
    text = f'<ir_version: 10, opset_import: ["" : 18]> other ({takes}) => ({gives}) {{}}'
    message = refusal(verified, parser.parse_model(text), tmp_path)
    has, _, expected = message.partition(", expected ")
    assert has.startswith("not saved: the graph has ")
    assert found in has
    assert expected == "pixels uint8 [batch, 4, 4, 3] → probabilities float [batch, 3]"


def test_answers_of_another_shape_than_the_graph_claims_are_refused(tmp_path: Path) -> None:
    proto = with_last_nodes(
        "whole = Cast <to = 7> (shape)",
        "probabilities = Reshape (answer, whole)",
        shape=np.array([-1, 1], np.float32),
    )
    assert refusal(verified, proto, tmp_path) == (
        "not saved: the graph gives float32 (24, 1), expected float32 (8, 3)"
    )


def with_layers(*layers: str) -> onnx.ModelProto:
    """The toy with layers that change nothing, from `first` to `last`, behind its first node."""
    proto = toy(
        1,
        "first = Transpose <perm = [0, 3, 1, 2]> (numbers)",
        *layers,
        "same = Transpose <perm = [0, 2, 3, 1]> (last)",
        filters=np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1),
        ones=np.ones(3, np.float32),
        zeros=np.zeros(3, np.float32),
    )
    proto.graph.node[len(layers) + 3].input[0] = "same"
    return proto


def test_a_batch_norm_behind_a_convolution_is_refused(tmp_path: Path) -> None:
    proto = with_layers(
        "second = Conv (first, filters)",
        "third = BatchNormalization (second, ones, zeros, zeros, ones)",
        "fourth = Conv (third, filters)",
        "last = BatchNormalization (fourth, ones, zeros, zeros, ones)",
    )
    assert refusal(verified, proto, tmp_path) == "not saved: 2 batch norms were not fused"


def test_a_batch_norm_that_no_convolution_can_take_in_passes(tmp_path: Path) -> None:
    norm = "second = BatchNormalization (first, ones, zeros, zeros, ones)"
    verified(with_layers(norm, "last = Conv (second, filters)"), tmp_path)
