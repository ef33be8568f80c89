"""Small classifiers whose heads differ: 3 channels of the image are the feature map."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tests.support.toys import toy_graph

CLASSES = 3

_RANDOM = np.random.default_rng(0)
CONSTANTS = {
    "weights": _RANDOM.normal(size=(CLASSES, CLASSES)).astype(np.float32),
    "bias": _RANDOM.normal(size=CLASSES).astype(np.float32),
    "scale": _RANDOM.normal(size=CLASSES).astype(np.float32),
    "shift": _RANDOM.normal(size=CLASSES).astype(np.float32),
    "places": np.array([2, 3]),
    "last_places": np.array([-3, -2]),
    "channels": np.array([1]),
    "half": np.array(0.5, np.float32),
    "flat": np.array([0, -1]),
}

PIXELS = _RANDOM.integers(0, 256, (4, 4, 4, 3), dtype=np.uint8)


def node(operator: str, inputs: str, output: str, **attributes: Any) -> NodeProto:
    return helper.make_node(operator, inputs.split(), [output], **attributes)


GEMM = node("Gemm", "pooled weights bias", "logits", transB=1)
POOL = node("ReduceMean", "features places", "pooled", keepdims=0)
SOFTMAX = node("Softmax", "logits", "probabilities", axis=1)


def graph(*head: NodeProto) -> onnx.ModelProto:
    """pixels → numbers / 64, ``[N, 4, 4, 3]`` → features ``[N, 3, 4, 4]`` → the head."""
    constants = CONSTANTS | {"divisor": np.array(64, np.float32)}
    proto = toy_graph()
    del proto.graph.node[:], proto.graph.initializer[:]
    proto.graph.node.extend(
        [
            helper.make_node("Cast", ["pixels"], ["bytes"], to=TensorProto.FLOAT),
            node("Div", "bytes divisor", "numbers"),
            helper.make_node("Transpose", ["numbers"], ["features"], perm=[0, 3, 1, 2]),
            *head,
        ]
    )
    proto.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in constants.items()
    )
    return proto


HEADS: dict[str, Sequence[NodeProto]] = {
    "reduce mean, gemm": (POOL, GEMM, SOFTMAX),
    "global pooling, reshape, gemm": (
        node("GlobalAveragePool", "features", "global"),
        node("Reshape", "global flat", "pooled"),
        GEMM,
        SOFTMAX,
    ),
    "average pooling of everything": (
        helper.make_node("AveragePool", ["features"], ["all"], kernel_shape=[4, 4]),
        node("Flatten", "all", "pooled"),
        GEMM,
        SOFTMAX,
    ),
    "channels last": (
        node("ReduceMean", "numbers last_places", "pooled", keepdims=0),
        GEMM,
        SOFTMAX,
    ),
    "matrix product and sum": (
        POOL,
        node("MatMul", "pooled weights", "product"),
        node("Add", "bias product", "logits"),
        SOFTMAX,
    ),
    "matrix product alone": (POOL, node("MatMul", "pooled weights", "logits"), SOFTMAX),
    "weights as channels × classes": (
        POOL,
        node("Gemm", "pooled weights", "logits"),
        SOFTMAX,
    ),
    "layer normalisation": (
        node("ReduceMean", "features places", "means", keepdims=0),
        node("LayerNormalization", "means scale shift", "pooled", axis=-1),
        GEMM,
        SOFTMAX,
    ),
    "pooling alone": (
        node("GlobalAveragePool", "features", "logits"),
        node("Flatten", "logits", "flattened"),
        node("Softmax", "flattened", "probabilities", axis=1),
    ),
    "sigmoid": (POOL, GEMM, node("Sigmoid", "logits", "probabilities")),
    "temperature": (
        POOL,
        GEMM,
        node("Div", "logits half", "cooled"),
        node("Softmax", "cooled", "probabilities", axis=1),
    ),
}
"""Heads with class activation maps."""

OTHERS: dict[str, tuple[Sequence[NodeProto], str]] = {
    "two layers": (
        (
            POOL,
            node("Gemm", "pooled weights bias", "hidden", transB=1),
            node("Relu", "hidden", "relu"),
            node("Gemm", "relu weights bias", "logits", transB=1),
            SOFTMAX,
        ),
        "the last linear layer reads Relu, not a global average pooling",
    ),
    "maximum": (
        (
            node("GlobalMaxPool", "features", "largest"),
            node("Flatten", "largest", "pooled"),
            GEMM,
            SOFTMAX,
        ),
        "the last linear layer reads GlobalMaxPool, not a global average pooling",
    ),
    "pooled channels": (
        (
            node("ReduceMean", "features channels", "grey", keepdims=0),
            node("Flatten", "grey", "pooled"),
            GEMM,
            SOFTMAX,
        ),
        "the pooling is over the axes [1], not over height and width",
    ),
    "no layer": (
        (node("Sigmoid", "logits", "probabilities"),),
        "the activation reads the input, not a global average pooling",
    ),
    "sum of two inputs": (
        (POOL, node("Add", "pooled pooled", "logits"), SOFTMAX),
        "a sum makes the logits, not a linear layer",
    ),
    "weights from the image": (
        (POOL, node("MatMul", "pooled pooled", "logits"), SOFTMAX),
        "MatMul makes the logits, with weights that are no constant",
    ),
}
"""Heads without, and what is said of them."""
