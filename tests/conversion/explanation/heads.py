"""Small classifiers whose heads differ: 3 channels of the image are the feature map.

A head is a sequence of nodes as ``onnx.parser`` reads them.
"""

import numpy as np
import onnx
from onnx import numpy_helper, parser

from harness.toys import toy_graph

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
    "twice": np.array([0, 0, 1]),
    "divisor": np.array(64, np.float32),
}

PIXELS = _RANDOM.integers(0, 256, (4, 4, 4, 3), dtype=np.uint8)

FEATURES = (
    "bytes = Cast <to = 1> (pixels)",
    "numbers = Div (bytes, divisor)",
    "features = Transpose <perm = [0, 3, 1, 2]> (numbers)",
)
POOL = "pooled = ReduceMean <keepdims = 0> (features, places)"
GEMM = "logits = Gemm <transB = 1> (pooled, weights, bias)"
SOFTMAX = "probabilities = Softmax <axis = 1> (logits)"


def graph(*head: str) -> onnx.ModelProto:
    """pixels → numbers / 64, ``[N, 4, 4, 3]`` → features ``[N, 3, 4, 4]`` → the head."""
    proto = toy_graph()
    del proto.graph.node[:], proto.graph.initializer[:]
    proto.graph.node.extend(map(parser.parse_node, (*FEATURES, *head)))
    proto.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in CONSTANTS.items()
    )
    return proto


HEADS = {
    "reduce mean, gemm": (POOL, GEMM, SOFTMAX),
    "axes in a node of their own, as PyTorch's older exporter writes them": (
        "axes = Constant <value = int64[2] {2, 3}> ()",
        "pooled = ReduceMean <keepdims = 0> (features, axes)",
        GEMM,
        SOFTMAX,
    ),
    "global pooling, reshape, gemm": (
        "global = GlobalAveragePool (features)",
        "pooled = Reshape (global, flat)",
        GEMM,
        SOFTMAX,
    ),
    "average pooling of everything": (
        "all = AveragePool <kernel_shape = [4, 4]> (features)",
        "pooled = Flatten (all)",
        GEMM,
        SOFTMAX,
    ),
    "channels last": ("pooled = ReduceMean <keepdims = 0> (numbers, last_places)", GEMM, SOFTMAX),
    "matrix product and sum": (
        POOL,
        "product = MatMul (pooled, weights)",
        "logits = Add (bias, product)",
        SOFTMAX,
    ),
    "matrix product alone": (POOL, "logits = MatMul (pooled, weights)", SOFTMAX),
    "weights as channels × classes": (POOL, "logits = Gemm (pooled, weights)", SOFTMAX),
    "layer normalisation": (
        "means = ReduceMean <keepdims = 0> (features, places)",
        "pooled = LayerNormalization <axis = -1> (means, scale, shift)",
        GEMM,
        SOFTMAX,
    ),
    "pooling alone": (
        "logits = GlobalAveragePool (features)",
        "flattened = Flatten (logits)",
        "probabilities = Softmax <axis = 1> (flattened)",
    ),
    "sigmoid": (POOL, GEMM, "probabilities = Sigmoid (logits)"),
    "temperature": (
        POOL,
        GEMM,
        "cooled = Div (logits, half)",
        "probabilities = Softmax <axis = 1> (cooled)",
    ),
}
"""Heads with class activation maps."""

OTHERS = {
    "the last linear layer reads Relu, not a global average pooling": (
        POOL,
        "hidden = Gemm <transB = 1> (pooled, weights, bias)",
        "relu = Relu (hidden)",
        "logits = Gemm <transB = 1> (relu, weights, bias)",
        SOFTMAX,
    ),
    "the last linear layer reads GlobalMaxPool, not a global average pooling": (
        "largest = GlobalMaxPool (features)",
        "pooled = Flatten (largest)",
        GEMM,
        SOFTMAX,
    ),
    "the pooling is over the axes [1], not over height and width": (
        "grey = ReduceMean <keepdims = 0> (features, channels)",
        "pooled = Flatten (grey)",
        GEMM,
        SOFTMAX,
    ),
    "the axes of the pooling are not constant": (
        "axes = Shape <end = 1> (pixels)",
        "pooled = ReduceMean <keepdims = 0> (features, axes)",
        GEMM,
        SOFTMAX,
    ),
    "the activation reads the input, not a global average pooling": (
        "probabilities = Sigmoid (logits)",
    ),
    "a sum makes the logits, not a linear layer": (POOL, "logits = Add (pooled, pooled)", SOFTMAX),
    "MatMul makes the logits, with weights that are no constant": (
        POOL,
        "logits = MatMul (pooled, pooled)",
        SOFTMAX,
    ),
}
"""Heads without class activation maps, by the reason that is given."""
