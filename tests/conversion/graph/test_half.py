import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper

from conversion.graph.export import INPUT_NAME
from conversion.graph.half import halved
from conversion.photographs import photograph_pixels
from inference.hardware.gpu import count_gpus
from model_spec import Preprocessing


@pytest.fixture
def half_graph(_exported: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(_exported)
    return halved(copy)


def test_the_parameters_of_the_network_are_float16(half_graph: onnx.ModelProto) -> None:
    types = {each.name: each.data_type for each in half_graph.graph.initializer}
    network = {name: kind for name, kind in types.items() if name.startswith("network.")}
    assert len(network) == 4  # weight and bias of the convolution and of the last layer
    assert set(network.values()) == {TensorProto.FLOAT16}


def test_normalisation_and_softmax_stay_in_float32(
    half_graph: onnx.ModelProto, tiny_preprocessing: Preprocessing
) -> None:
    nodes = list(half_graph.graph.node)
    assert [node.op_type for node in nodes[:5]] == ["Transpose", "Cast", "Sub", "Div", "Cast"]
    assert [node.op_type for node in nodes[-3:]] == ["Gemm", "Cast", "Softmax"]
    casts = [node for node in nodes if node.op_type == "Cast"]
    assert [onnx.helper.get_attribute_value(node.attribute[0]) for node in casts] == [
        TensorProto.FLOAT,
        TensorProto.FLOAT16,
        TensorProto.FLOAT,
    ]
    (mean,) = [each for each in half_graph.graph.initializer if each.name == "mean"]
    assert numpy_helper.to_array(mean).ravel().tolist() == list(tiny_preprocessing.mean)


def test_the_graph_is_valid_and_keeps_its_input_and_output(
    half_graph: onnx.ModelProto, tiny_graph: onnx.ModelProto
) -> None:
    onnx.checker.check_model(half_graph, full_check=True)
    assert half_graph.graph.input == tiny_graph.graph.input
    assert half_graph.graph.output == tiny_graph.graph.output


@pytest.mark.skipif(count_gpus() == 0, reason="this machine has no GPU")
def test_a_gpu_answers_as_the_float32_graph_on_the_cpu(
    half_graph: onnx.ModelProto, tiny_graph: onnx.ModelProto, tiny_preprocessing: Preprocessing
) -> None:
    onnxruntime.preload_dlls()
    pixels = {INPUT_NAME: photograph_pixels(tiny_preprocessing)}
    answers = [
        onnxruntime.InferenceSession(graph.SerializeToString(), providers=[provider]).run(
            None, pixels
        )[0]
        for graph, provider in (
            (half_graph, "CUDAExecutionProvider"),
            (tiny_graph, "CPUExecutionProvider"),
        )
    ]
    np.testing.assert_allclose(answers[0], answers[1], atol=2e-3)
