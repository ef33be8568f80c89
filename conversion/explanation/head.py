"""Finds a network's head in its graph: global average pooling, then one linear layer.

The search goes back from the probabilities: activation, linear layer, perhaps a layer
normalisation, pooling, feature map. Nodes that only move or convert numbers are passed over. The
result is a guess from names of operators: :mod:`conversion.explanation.verify` checks it with
numbers.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from onnx import GraphProto, NodeProto, helper, numpy_helper

_MOVES = {
    *("Cast", "DequantizeLinear", "Dropout", "Expand", "Flatten", "Gather", "Identity"),
    *("QuantizeLinear", "Reshape", "Squeeze", "Transpose", "Unsqueeze"),
}
# From the logits to the probabilities; Div and Mul by a temperature.
_ACTIVATIONS = _MOVES | {"Div", "LogSoftmax", "Mul", "Sigmoid", "Softmax"}
_LINEAR = ("Gemm", "MatMul", "Add")
_POOLINGS = ("AveragePool", "GlobalAveragePool", "ReduceMean")

# Axes that ReduceMean pools, in a feature map [N, C, h, w] or [N, h, w, C].
_CHANNELS_FIRST = ({2, 3}, {-2, -1})
_CHANNELS_LAST = ({1, 2}, {-3, -2})


class OtherHead(Exception):
    """The network ends in another way; the message says how."""


@dataclass(frozen=True)
class Norm:
    """A layer normalisation over the channels, between pooling and linear layer.

    Attributes:
        scale: tensor ``[C]``.
        shift: tensor ``[C]``; None without one.
    """

    scale: str
    shift: str | None
    epsilon: float


@dataclass(frozen=True)
class Linear:
    """The last linear layer.

    Attributes:
        weights: tensor ``[classes, C]``, or ``[C, classes]``.
        by_class: whether the weights are ``[classes, C]``.
        bias: tensor ``[classes]``; None without one.
    """

    weights: str
    by_class: bool
    bias: str | None


@dataclass(frozen=True)
class Head:
    """Names of the tensors that a head is made of.

    Attributes:
        logits: ``[N, classes]``.
        linear: None if each channel of the feature map is a class.
        norm: None without a layer normalisation.
        features: the feature map before pooling.
        channels_last: whether that is ``[N, h, w, C]`` instead of ``[N, C, h, w]``.
    """

    logits: str
    linear: Linear | None
    norm: Norm | None
    features: str
    channels_last: bool


def find_head(graph: GraphProto) -> Head:
    """The head of a classifier's graph.

    Raises:
        OtherHead: it is not a global average pooling with at most one linear layer behind it.
    """
    found = _Graph(graph)
    logits, node = found.behind(graph.output[0].name, _ACTIVATIONS)
    linear, norm, value = None, None, logits
    if node is not None and node.op_type in _LINEAR:
        linear, value = found.linear(node)
        value, node = found.behind(value, _MOVES)
        if node is not None and node.op_type == "LayerNormalization":
            norm, value = _norm(node)
            value, node = found.behind(value, _MOVES)
    if node is None or node.op_type not in _POOLINGS:
        reader = "the last linear layer" if linear else "the activation"
        what = "the input" if node is None else node.op_type
        raise OtherHead(f"{reader} reads {what}, not a global average pooling")
    return Head(logits, linear, norm, node.input[0], found.channels_last(node))


class _Graph:
    """A graph by the names of its tensors."""

    def __init__(self, graph: GraphProto) -> None:
        self._producers = {output: node for node in graph.node for output in node.output}
        self._constants = {each.name: each for each in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self._constants[node.output[0]] = node.attribute[0].t

    def behind(self, value: str, passed: Collection[str]) -> tuple[str, NodeProto | None]:
        """The first tensor that another operator than ``passed`` makes, and its node."""
        while (node := self._producers.get(value)) is not None and node.op_type in passed:
            value = node.input[0]
        return value, node

    def linear(self, node: NodeProto) -> tuple[Linear, str]:
        """A linear layer and its input; raises OtherHead if it is none."""
        bias = None
        if node.op_type == "Add":
            summand, bias = sorted(node.input, key=self._is_constant)
            _, before = self.behind(summand, _MOVES)
            if before is None or before.op_type != "MatMul" or not self._is_constant(bias):
                raise OtherHead("a sum makes the logits, not a linear layer")
            node = before
        attributes = _attributes(node)
        factors = {attributes.get(name, 1.0) for name in ("alpha", "beta")}
        if not self._is_constant(node.input[1]) or attributes.get("transA") or factors != {1.0}:
            raise OtherHead(f"{node.op_type} makes the logits, with weights that are no constant")
        if node.op_type == "Gemm" and len(node.input) > 2:  # noqa: PLR2004
            bias = node.input[2]
        return Linear(node.input[1], bool(attributes.get("transB", 0)), bias), node.input[0]

    def channels_last(self, pooling: NodeProto) -> bool:
        """Whether a pooling's input has its channels last; raises OtherHead for other axes."""
        if pooling.op_type != "ReduceMean":
            return False
        axes = self._axes(pooling)
        if axes in _CHANNELS_FIRST or axes in _CHANNELS_LAST:
            return axes in _CHANNELS_LAST
        raise OtherHead(f"the pooling is over the axes {sorted(axes)}, not over height and width")

    def _axes(self, pooling: NodeProto) -> set[int]:
        if len(pooling.input) == 1:  # before opset 18
            return set(_attributes(pooling).get("axes", ()))
        axes = self._constants.get(pooling.input[1])
        if axes is None:
            raise OtherHead("the axes of the pooling are not constant")
        return set(numpy_helper.to_array(axes).tolist())

    def _is_constant(self, value: str) -> bool:
        """Whether a tensor depends on parameters alone, such as dequantised weights."""
        if value in self._constants:
            return True
        node = self._producers.get(value)
        return node is not None and all(self._is_constant(each) for each in node.input if each)


def _norm(node: NodeProto) -> tuple[Norm, str]:
    scale, shift = node.input[1], node.input[2] if len(node.input) > 2 else None  # noqa: PLR2004
    return Norm(scale, shift, _attributes(node).get("epsilon", 1e-5)), node.input[0]


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}
