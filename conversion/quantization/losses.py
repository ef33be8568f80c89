"""Ranks the nodes of an int8 graph by their loss, with ONNX Runtime's QDQ loss debugging."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization.qdq_loss_debug import (
    collect_activations,
    compute_activation_error,
    create_activation_matching,
    modify_model_output_intermediate_tensors,
)

from conversion.quantization.calibration import Reader
from preprocessing.pixels import Pixels

IMAGES = 2
"""Their activations in both graphs are held in memory."""

_WATCHED = "watched.onnx"


def by_loss(
    fp32: Path,
    int8: Path,
    nodes: Sequence[Sequence[onnx.NodeProto]],
    pixels: Pixels,
    workspace: Path,
) -> list[str]:
    """Names of nodes, the one with the largest loss first.

    A node's loss is the noise that it adds: output noise less input noise. Noise is relative to
    the signal, 10^(-SQNR/10), and measured against the fp32 graph.

    Args:
        int8: the graph ``fp32``, quantized.
        nodes: to rank, each followed by its activations.
        pixels: uint8 ``[IMAGES, H, W, channels]``.
    """
    activations = list[Any]()
    for path in (int8, fp32):
        modify_model_output_intermediate_tensors(str(path), str(workspace / _WATCHED))
        activations.append(collect_activations(str(workspace / _WATCHED), Reader(pixels)))
    errors = compute_activation_error(create_activation_matching(*activations))
    noise = {name: 10 ** (-error["xmodel_err"] / 10) for name, error in errors.items()}
    added = {node[0].name: _added(node, noise) for node in nodes}
    return sorted(added, key=added.__getitem__, reverse=True)


def _added(node: Sequence[onnx.NodeProto], noise: Mapping[str, float]) -> float:
    """The noise that a node and its activations add."""
    behind = [noise[name] for each in node for name in each.output if name in noise]
    before = [noise[name] for name in node[0].input if name in noise]
    return max(behind, default=0.0) - max(before, default=0.0)
