"""A recipe for an int8 graph, and how the graph is made.

Weights are int8 with a scale for each channel. Biases make up for their rounding. A quantized node
has quantized inputs and outputs. Normalisation, the last layer and the activation behind it stay in
float32.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import QDQQuantizer, QuantType
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from conversion.graph.export import OUTPUT_NAME
from conversion.graph.half import normalisation
from conversion.quantization.bias import Means, add_biases, correct_biases, weights_of
from conversion.quantization.calibration import Method

WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators that int8 makes faster."""

_CLAMPS = frozenset({"Clip", "Relu"})

_OPERATORS = sorted({*QDQRegistry, *QLinearOpsRegistry})


@dataclass(frozen=True)
class Recipe:
    """How to quantize a graph.

    Attributes:
        signed: whether activations are int8, with ranges symmetric to 0, or uint8, with ranges
            as they are.
        reduce_range: whether weights have 7 bits. A processor without VNNI adds two products of
            8-bit numbers in 16 bits, which may overflow.
        kept: names of the nodes that stay in float32, with their activations.
    """

    method: Method
    signed: bool
    reduce_range: bool
    kept: tuple[str, ...] = ()

    def __str__(self) -> str:
        activations = "int8 activations" if self.signed else "uint8 activations"
        weights = "7-bit weights" if self.reduce_range else "8-bit weights"
        nodes = "node" if len(self.kept) == 1 else "nodes"
        kept = f", {len(self.kept)} {nodes} in float" if self.kept else ""
        return f"{self.method.value}, {activations}, {weights}{kept}"


def quantize(path: Path, ranges: Any, means: Means, recipe: Recipe, written: Path) -> None:
    """Write an int8 graph of the fp32 graph in ``path``.

    Args:
        ranges: of its tensors.
        means: of what enters its nodes with biases.
    """
    proto = onnx.load(str(path))
    add_biases(proto.graph)
    weights = weights_of(proto.graph)
    kept = _with_activations(proto.graph, recipe.kept)
    excluded = [*_never(proto.graph), *(node.name for node in kept)]
    quantizer = QDQQuantizer(
        proto,
        per_channel=True,
        reduce_range=recipe.reduce_range,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8 if recipe.signed else QuantType.QUInt8,
        tensors_range=ranges,
        nodes_to_quantize=[],
        nodes_to_exclude=excluded,
        op_types_to_quantize=_OPERATORS,
        extra_options={"ActivationSymmetric": recipe.signed},
    )
    quantizer.quantize_model()
    correct_biases(quantizer.model.graph(), weights, means)
    quantizer.model.save_model_to_file(str(written), False)


def weighted_nodes(path: Path) -> list[list[onnx.NodeProto]]:
    """The nodes of a graph that a recipe may keep in float32, each with its activations."""
    graph = onnx.load(str(path), load_external_data=False).graph
    never = _never(graph)
    return [
        _with_activations(graph, {node.name})
        for node in graph.node
        if node.op_type in WEIGHTED and node.name not in never
    ]


def _with_activations(graph: onnx.GraphProto, names: Collection[str]) -> list[onnx.NodeProto]:
    """The named nodes, and the clamps that read their outputs.

    Alone, a clamp would be quantized with the range of its input, which is much wider than the
    range of its output.
    """
    kept = [node for node in graph.node if node.name in names]
    values = {output for node in kept for output in node.output}
    clamps = [
        node for node in graph.node if node.op_type in _CLAMPS and values.intersection(node.input)
    ]
    return [*kept, *clamps]


def _never(graph: onnx.GraphProto) -> set[str]:
    """Names of the nodes that no recipe quantizes.

    They are the normalisation, the last layer and all nodes behind that.
    """
    made_by = {output: node for node in graph.node for output in node.output}
    ends, values = list[onnx.NodeProto](), [OUTPUT_NAME]
    while values:
        node = made_by.get(values.pop())
        if node is not None:
            ends.append(node)
            values += () if node.op_type in WEIGHTED else node.input
    return {node.name for node in (*normalisation(graph), *ends)}
