import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser

from conversion.errors import ConversionError
from conversion.outputs.temperature import set_temperature
from tests.support.toys import toy_graph

LOGITS = np.array([[1.0, 2.0, -1.0]], np.float32)


def graph(activation: str) -> onnx.ModelProto:
    proto: onnx.ModelProto = parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]>'
        f"ending (float[N, 3] x) => (float[N, 3] y) {{ z = Identity(x) y = {activation}(z) }}"
    )
    return proto


def answer(proto: onnx.ModelProto) -> np.ndarray:
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: np.ndarray = session.run(["y"], {"x": LOGITS})[0]
    return found


def test_logits_are_divided_before_softmax() -> None:
    proto = graph("Softmax")
    set_temperature(proto, 2.0)
    powers = np.exp(LOGITS / 2)
    np.testing.assert_allclose(answer(proto), powers / powers.sum(), rtol=1e-6)


def test_logits_are_divided_before_sigmoid() -> None:
    proto = graph("Sigmoid")
    set_temperature(proto, 0.5)
    np.testing.assert_allclose(answer(proto), 1 / (1 + np.exp(-2 * LOGITS)), rtol=1e-6)


def test_a_second_temperature_takes_the_place_of_the_first() -> None:
    once, twice = graph("Softmax"), graph("Softmax")
    set_temperature(once, 2.0)
    set_temperature(twice, 7.0)
    set_temperature(twice, 2.0)
    assert once == twice


def test_a_graph_that_ends_otherwise_is_refused() -> None:
    with pytest.raises(ConversionError, match="does not end with softmax or sigmoid"):
        set_temperature(toy_graph(), 2.0)
