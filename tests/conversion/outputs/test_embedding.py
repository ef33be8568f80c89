import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from conversion.graph.export import export
from conversion.graph.verify import normalised
from conversion.outputs.embedding import add_embedding, last_linear_input, mismatch
from conversion.outputs.one_output import TwoOutputs
from model_spec import Activation, Preprocessing

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
OPSET = 18


def copied(proto: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    return copy


def embeddings(proto: onnx.ModelProto, name: str) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: np.ndarray = session.run([name], {"pixels": PIXELS})[0]
    return found


@pytest.mark.slow
def test_the_second_output_is_what_the_last_linear_layer_reads(
    tiny_graph: onnx.ModelProto, tiny_network: nn.Module, tiny_preprocessing: Preprocessing
) -> None:
    proto = copied(tiny_graph)
    name = add_embedding(proto, 16)
    assert name is not None
    onnx.checker.check_model(proto, full_check=True)
    expected = last_linear_input(tiny_network, normalised(PIXELS, tiny_preprocessing))
    assert expected is not None
    assert expected.shape == (3, 16)
    assert mismatch(embeddings(proto, name), expected) is None


@pytest.mark.slow
def test_a_network_with_one_output_has_one_too(tiny_preprocessing: Preprocessing) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1))
    two = TwoOutputs(network).eval()
    proto = export(two, tiny_preprocessing, OPSET, Activation.SIGMOID)
    name = add_embedding(proto, 3)
    assert name is not None
    expected = last_linear_input(two, normalised(PIXELS, tiny_preprocessing))
    assert mismatch(embeddings(proto, name), expected) is None


@pytest.mark.slow
def test_a_graph_that_ends_otherwise_has_none(
    tiny_graph: onnx.ModelProto, tiny_preprocessing: Preprocessing
) -> None:
    assert add_embedding(copied(tiny_graph), 17) is None
    convolution = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    proto = export(convolution, tiny_preprocessing, OPSET)
    assert add_embedding(proto, 4) is None
    assert len(proto.graph.output) == 1


def test_a_network_without_a_linear_layer_has_none() -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert last_linear_input(network, torch.zeros(1, 3, 8, 8)) is None


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (np.array([[1.0, 2.001]], np.float32), "differs from PyTorch's by 0.0005 of its"),
        (np.array([[1.0, np.nan]], np.float32), "differs from PyTorch's by nan"),
        (np.array([[1.0, 2.1]], np.float16), "by 0.0498 of its largest number, limit 0.02"),
        (np.array([[1.0]], np.float32), "no embedding of the shape (1, 1)"),
    ],
)
def test_an_embedding_that_differs_is_found(found: np.ndarray, message: str) -> None:
    assert message in str(mismatch(found, torch.tensor([[1.0, 2.0]])))
