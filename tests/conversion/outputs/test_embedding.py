import numpy as np
import onnx
import pytest
import torch
from torch import nn

from conversion.graph.export import export
from conversion.graph.verify import normalised
from conversion.outputs.embedding import add_embedding, last_linear_input, mismatch
from conversion.request import DEFAULT_OPSET
from model_spec import Preprocessing
from tests.support.graphs import answers

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


@pytest.mark.slow
def test_the_second_output_is_what_the_last_linear_layer_reads(
    tiny_graph: onnx.ModelProto, tiny_network: nn.Module, tiny_preprocessing: Preprocessing
) -> None:
    name = add_embedding(tiny_graph, 16)
    assert name is not None
    onnx.checker.check_model(tiny_graph, full_check=True)
    expected = last_linear_input(tiny_network, normalised(PIXELS, tiny_preprocessing))
    assert expected is not None
    assert expected.shape == (3, 16)
    assert mismatch(answers(tiny_graph, PIXELS, name), expected) is None


@pytest.mark.slow
def test_a_graph_that_ends_otherwise_has_none(
    tiny_graph: onnx.ModelProto, tiny_preprocessing: Preprocessing
) -> None:
    assert add_embedding(tiny_graph, 17) is None
    convolution = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    proto = export(convolution, tiny_preprocessing, DEFAULT_OPSET)
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
