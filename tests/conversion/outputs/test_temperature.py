import numpy as np
import onnx
import pytest
from onnx import parser

from conversion.outputs.temperature import set_temperature
from tests.support.graphs import answers

LOGITS = np.array([[1.0, 2.0, -1.0]], np.float32)


def graph(activation: str) -> onnx.ModelProto:
    proto: onnx.ModelProto = parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]>'
        f"ending (float[N, 3] x) => (float[N, 3] y) {{ z = Identity(x) y = {activation}(z) }}"
    )
    return proto


@pytest.mark.parametrize(
    ("activation", "temperature", "expected"),
    [
        ("Softmax", 2.0, np.exp(LOGITS / 2) / np.exp(LOGITS / 2).sum()),
        ("Sigmoid", 0.5, 1 / (1 + np.exp(-2 * LOGITS))),
    ],
)
def test_logits_are_divided_before_the_activation(
    activation: str, temperature: float, expected: np.ndarray
) -> None:
    proto = graph(activation)
    set_temperature(proto, temperature)
    onnx.checker.check_model(proto, full_check=True)
    np.testing.assert_allclose(answers(proto, LOGITS), expected, rtol=1e-6)


def test_a_second_temperature_takes_the_place_of_the_first() -> None:
    once, twice = graph("Softmax"), graph("Softmax")
    set_temperature(once, 2.0)
    set_temperature(twice, 7.0)
    set_temperature(twice, 2.0)
    assert once == twice
