"""Nodes that compute class activation maps, as bytes to append to ``model.onnx``.

The linear layer is applied at every place of the feature map instead of to its mean (Zhou et al.,
"Learning Deep Features for Discriminative Localization", 2016, https://arxiv.org/abs/1512.04150).
Pooling and layer are linear, so the mean of a class's map plus the bias is its logit.

A layer normalisation between them divides by the deviation of the pooled vector, one number for
each image. The maps are divided by the same number, so that the sum stays exact.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

from conversion.explanation.head import Head, Norm
from model_spec import BIAS, LOGITS, MAPS

_PREFIX = "explanation/"
_PLACES = np.array([2, 3])
_CHANNELS = np.array([1])


def addition(head: Head, classes: int) -> bytes:
    """Bytes that, appended to ``model.onnx``, give a model with three more outputs.

    Concatenated Protocol Buffers are merged: repeated fields, such as the nodes and outputs of a
    graph, are appended (https://protobuf.dev/programming-guides/encoding/, last one wins).

    The outputs are float32: ``LOGITS`` ``[N, classes]``, ``MAPS`` ``[N, classes, h, w]``, ``BIAS``
    ``[classes]``.
    """
    nodes = _Nodes()
    features = nodes.add("Cast", head.features, to=TensorProto.FLOAT)
    if head.channels_last:
        features = nodes.add("Transpose", features, perm=[0, 3, 1, 2])
    bias = nodes.constant(np.zeros(classes, np.float32))
    maps = features
    if head.linear is not None:
        weights = nodes.add("Cast", head.linear.weights, to=TensorProto.FLOAT)
        if not head.linear.by_class:
            weights = nodes.add("Transpose", weights, perm=[1, 0])
        if head.linear.bias is not None:
            bias = nodes.add("Add", bias, nodes.add("Cast", head.linear.bias, to=TensorProto.FLOAT))
        if head.norm is not None:
            features, weights, bias = nodes.normalise(head.norm, features, weights, bias)
        filters = nodes.add("Unsqueeze", weights, nodes.constant(_PLACES))
        maps = nodes.add("Conv", features, filters)
    nodes.output(maps, MAPS)
    nodes.output(bias, BIAS)
    logits = nodes.add("Flatten", head.logits)  # of a pooling: [N, classes, 1, 1]
    nodes.output(nodes.add("Cast", logits, to=TensorProto.FLOAT), LOGITS)
    content: bytes = nodes.model.SerializeToString(deterministic=True)
    return content


class _Nodes:
    """Collects the nodes of the addition in ``model``."""

    def __init__(self) -> None:
        self.model = ModelProto()
        self._graph = self.model.graph

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; returns the name of its output."""
        output = f"{_PREFIX}{len(self._graph.node)}"
        self._graph.node.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, value: npt.NDArray[np.generic]) -> str:
        """Append a constant; returns its name."""
        name = f"{_PREFIX}constant/{len(self._graph.initializer)}"
        self._graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def output(self, value: str, name: str) -> None:
        """Make a tensor an output of the graph."""
        self._graph.node.append(helper.make_node("Identity", [value], [name]))
        self._graph.output.append(ValueInfoProto(name=name))

    def normalise(self, norm: Norm, features: str, weights: str, bias: str) -> tuple[str, str, str]:
        """Merge a layer normalisation into the features, weights and bias of a linear layer."""
        scale = self.add("Cast", norm.scale, to=TensorProto.FLOAT)
        if norm.shift is not None:
            shift = self.add("Cast", norm.shift, to=TensorProto.FLOAT)
            bias = self.add("Add", bias, self.add("MatMul", weights, shift))
        channels = self.constant(_CHANNELS)
        centred = self.add("Sub", features, self.add("ReduceMean", features, channels))
        pooled = self.add("ReduceMean", centred, self.constant(_PLACES))
        variance = self.add("ReduceMean", self.add("Mul", pooled, pooled), channels)
        epsilon = self.constant(np.array(norm.epsilon, np.float32))
        deviation = self.add("Sqrt", self.add("Add", variance, epsilon))
        return self.add("Div", centred, deviation), self.add("Mul", weights, scale), bias
