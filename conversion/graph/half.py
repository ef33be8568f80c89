"""A float32 graph → the same graph in float16, for GPUs."""

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from conversion.graph.export import INPUT_NAME


def halved(proto: ModelProto) -> ModelProto:
    """Convert parameters and arithmetic of an exported graph to float16; ``proto`` is changed.

    Normalisation and activation stay in float32: float16 would round the normalised pixels and
    small probabilities. Input and output keep their types.
    """
    graph = proto.graph
    pixels, probabilities = graph.input.pop(), graph.output.pop()
    before, activation = normalisation(graph), graph.node.pop()
    for node in before:
        graph.node.remove(node)
    assert activation.op_type in ("Softmax", "Sigmoid")
    graph.input.append(_float32(before[-1].output[0]))
    graph.output.append(_float32(activation.input[0]))
    # The exporter lists parameters there, too, and the converter would take them for float16.
    del graph.value_info[:]
    converted: ModelProto = convert_float_to_float16(proto, keep_io_types=True)
    graph = converted.graph
    graph.node.extend([*before, activation])
    graph.input[0].CopyFrom(pixels)
    graph.output[0].CopyFrom(probabilities)
    OnnxModel.graph_topological_sort(graph)
    return converted


def normalisation(graph: GraphProto) -> list[NodeProto]:
    """The nodes from the pixels to the division by the standard deviation."""
    nodes, value = list[NodeProto](), INPUT_NAME
    while not nodes or nodes[-1].op_type != "Div":
        nodes.append(next(node for node in graph.node if value in node.input))
        value = nodes[-1].output[0]
    return nodes


def _float32(name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
