"""Biases that make up for rounded weights.

Rounding the weights of a node shifts the mean of its output. The shift hardly depends on the image:
it is the rounding error times the mean of the input. Subtracted from the bias, it is gone.

Source: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from conversion.graph.export import INPUT_NAME
from inference.sessions.providers import CPU_PROVIDER
from preprocessing.pixels import Pixels

MEAN_IMAGES = 16
"""How many photographs the means are taken of. More of them made no int8 graph better."""

Floats = npt.NDArray[np.float32]

Means = Mapping[str, Floats]
"""The mean of each channel of a tensor, by the tensor's name."""

Weights = Mapping[str, tuple[str, Floats]]
"""The input's name and the weights of a node, by the node's name."""

_BIASED = frozenset({"Conv", "Gemm"})


def input_means(path: Path, pixels: Pixels) -> Means:
    """The means of the inputs of all nodes that can be corrected in the fp32 graph in ``path``.

    The pixels are uint8 ``[N, H, W, channels]``. The graph runs for one image at a time.
    """
    proto = onnx.load(str(path))
    names = sorted({name for name, _ in weights_of(proto.graph).values()})
    given = {output.name for output in proto.graph.output}
    added = (helper.make_empty_tensor_value_info(name) for name in names if name not in given)
    proto.graph.output.extend(added)
    if not names:
        return {}
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=[CPU_PROVIDER])
    images = (image[np.newaxis] for image in pixels)
    runs = [list(map(_channel_means, session.run(names, {INPUT_NAME: each}))) for each in images]
    return {name: np.mean([run[i] for run in runs], axis=0) for i, name in enumerate(names)}


def add_biases(graph: GraphProto) -> None:
    """Give each convolution of an fp32 graph that has no bias one of zeros."""
    weights = {each.name: each for each in graph.initializer}
    for node in graph.node:
        match node.op_type, list(node.input):
            case "Conv", [_, weight] if weight in weights:
                name = f"{node.name}_bias"
                zeros = np.zeros(weights[weight].dims[0], np.float32)
                graph.initializer.append(numpy_helper.from_array(zeros, name))
                node.input.append(name)


def weights_of(graph: GraphProto) -> Weights:
    """The weights of the nodes of an fp32 graph that can be corrected."""
    values = {each.name: each for each in graph.initializer}
    return {
        node.name: (node.input[0], numpy_helper.to_array(values[node.input[1]]))
        for node in graph.node
        if node.op_type in _BIASED and node.input[1] in values
    }


def correct_biases(graph: GraphProto, weights: Weights, means: Means) -> None:
    """Change the biases of an int8 graph, given the ``weights`` of its fp32 graph."""
    parameters = {each.name: each for each in graph.initializer}
    for node, weight, bias in _quantized(graph, weights):
        name, original = weights[node.name]
        rounded, axis = _dequantized(weight, parameters)
        error = np.moveaxis(rounded - original, axis, 0)
        steps, scale = (parameters[each] for each in bias.input[:2])
        shift = _mean_output(error, means[name]) / numpy_helper.to_array(scale)
        corrected = numpy_helper.to_array(steps) - np.rint(shift).astype(np.int32)
        steps.CopyFrom(numpy_helper.from_array(corrected, steps.name))


def _quantized(
    graph: GraphProto, names: Collection[str]
) -> Iterator[tuple[NodeProto, NodeProto, NodeProto]]:
    """The named nodes that are int8, and the nodes that dequantize their weights and their bias."""
    made_by = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        match [made_by.get(name) for name in node.input]:
            case [_, NodeProto() as weight, NodeProto() as bias] if node.name in names:
                yield node, weight, bias


def _dequantized(node: NodeProto, parameters: Mapping[str, TensorProto]) -> tuple[Floats, int]:
    """What a DequantizeLinear makes of its parameters, and the axis of the output channels."""
    steps, scale = (numpy_helper.to_array(parameters[name]) for name in node.input[:2])
    axis = next(each.i for each in node.attribute if each.name == "axis")
    shape = [-1 if each == axis else 1 for each in range(steps.ndim)]
    return steps * scale.reshape(shape), axis


def _mean_output(weights: Floats, mean: Floats) -> Floats:
    """What weights ``[outputs, inputs of a group, ...]`` make of the mean ``[inputs]``."""
    summed = weights.reshape(*weights.shape[:2], -1).sum(axis=2)
    inputs = mean.reshape(-1, summed.shape[1])
    groups = summed.reshape(len(inputs), -1, summed.shape[1])
    means: Floats = np.einsum("goi,gi->go", groups, inputs).ravel()
    return means


def _channel_means(values: Floats) -> Floats:
    """Of ``[N, channels, ...]``."""
    means: Floats = values.mean(axis=(0, *range(2, values.ndim)))
    return means
