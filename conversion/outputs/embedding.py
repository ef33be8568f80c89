"""The embedding, a graph's second output: the input of the last linear layer."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import NodeProto, helper
from torch import nn

_TO_THE_LOGITS = ("Softmax", "Sigmoid", "Concat", "Neg", "Div", "Cast", "Identity", "Add")
"""Operators between the last linear layer and the probabilities."""

_LINEAR = ("Gemm", "MatMul")

_MATRIX_AXES = 2

LIMITS: dict[type, float] = {np.float32: 1e-4, np.float16: 2e-2}
"""Largest accepted difference from PyTorch, as a share of the largest number."""


def add_embedding(proto: onnx.ModelProto, size: int) -> str | None:
    """Make the input of the last linear layer, of PyTorch's size, an output of the graph.

    Returns:
        Its name; None if the graph does not end with a linear layer of that size.
    """
    graph = proto.graph
    linear = _last_linear(graph)
    if linear is None:
        return None
    parameters = {each.name: each for each in graph.initializer}
    weight = parameters.get(linear.input[1])
    value: str = linear.input[0]
    if weight is None or len(weight.dims) != _MATRIX_AXES or size not in weight.dims:
        return None
    batch = graph.output[0].type.tensor_type.shape.dim[0].dim_param
    graph.output.append(helper.make_tensor_value_info(value, weight.data_type, [batch, size]))
    return value


def _last_linear(graph: onnx.GraphProto) -> NodeProto | None:
    producers = {name: node for node in graph.node for name in node.output}
    node = producers.get(graph.output[0].name)
    while node is not None and node.op_type in _TO_THE_LOGITS:
        node = next((producers[name] for name in node.input if name in producers), None)
    return node if node is not None and node.op_type in _LINEAR else None


def last_linear_input(network: nn.Module, images: torch.Tensor) -> torch.Tensor | None:
    """Input of a network's last linear layer, float32 ``[N, size]``; None without one."""
    read: list[torch.Tensor] = []

    def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        read.append(inputs[0])

    linear = [each for each in network.modules() if isinstance(each, nn.Linear)]
    hooks = [each.register_forward_pre_hook(note) for each in linear]
    try:
        with torch.inference_mode():
            network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return read[-1] if read and read[-1].ndim == _MATRIX_AXES else None


def mismatch(found: npt.NDArray[np.floating], expected: torch.Tensor | None) -> str | None:
    """How a graph's embeddings differ from PyTorch's, in words; None if within the limit."""
    if expected is None or found.shape != expected.shape:
        return f"PyTorch has no embedding of the shape {found.shape}"
    limit = LIMITS[found.dtype.type]
    share = float((torch.tensor(found).float() - expected).abs().max() / expected.abs().max())
    # Written so that a NaN fails.
    if not share <= limit:
        return (
            f"the embedding differs from PyTorch's by {share:.3g} of its largest number, "
            f"limit {limit:g}"
        )
    return None
