"""A temperature in the graph: logits are divided by it before softmax or sigmoid.

Source: Guo et al., On Calibration of Modern Neural Networks, 2017, section 4.2.
"""

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from conversion.errors import ConversionError

TEMPERATURE = "temperature"
"""Name of the parameter in the graph."""

_ACTIVATIONS = ("Softmax", "Sigmoid")


def set_temperature(proto: onnx.ModelProto, temperature: float) -> None:
    """Divide the logits by a temperature, instead of by the one that the graph may have.

    Raises:
        ConversionError: the graph does not end with softmax or sigmoid.
    """
    graph = proto.graph
    parameter = numpy_helper.from_array(np.array(temperature, np.float32), TEMPERATURE)
    for each in graph.initializer:
        if each.name == TEMPERATURE:
            each.CopyFrom(parameter)
            return
    index, activation = _activation(graph)
    divided = f"{activation.input[0]}_divided"
    division = helper.make_node(
        "Div", [activation.input[0], TEMPERATURE], [divided], name=f"{TEMPERATURE}_division"
    )
    activation.input[0] = divided
    graph.initializer.append(parameter)
    graph.node.insert(index, division)


def _activation(graph: onnx.GraphProto) -> tuple[int, NodeProto]:
    """The index of the node that gives the probabilities, and the node."""
    name = graph.output[0].name
    for index, node in enumerate(graph.node):
        if name in node.output and node.op_type in _ACTIVATIONS:
            return index, node
    raise ConversionError("the model does not end with softmax or sigmoid")
