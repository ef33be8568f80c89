"""Which nodes of an int8 graph lose most: ONNX Runtime's debugging of QDQ losses."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization.qdq_loss_debug import (
    collect_activations,
    compute_activation_error,
    compute_weight_error,
    create_activation_matching,
    create_weight_matching,
    modify_model_output_intermediate_tensors,
)

from conversion.quantization.calibration import Reader
from preprocessing.pixels import Pixels

IMAGES = 2
"""Whose activations of both graphs are held in memory."""


_WATCHED = "watched.onnx"


def by_loss(
    fp32: Path, int8: Path, nodes: Sequence[onnx.NodeProto], pixels: Pixels, workspace: Path
) -> list[str]:
    """Names of nodes, the one with the largest loss first.

    The loss of a node is the noise of its input, its weight and its output relative to their
    signal: 10^(-SQNR/10), summed.

    Args:
        fp32: the graph.
        int8: the same graph, quantized.
        nodes: to rank.
        pixels: uint8 ``[IMAGES, H, W, 3]``.
        workspace: folder for copies of the graphs.
    """
    weights = compute_weight_error(create_weight_matching(str(fp32), str(int8)))
    activations = list[Any]()
    for path in (int8, fp32):
        modify_model_output_intermediate_tensors(str(path), str(workspace / _WATCHED))
        activations.append(collect_activations(str(workspace / _WATCHED), Reader(pixels)))
    errors = compute_activation_error(create_activation_matching(*activations))
    ratios = {name: error["qdq_err"] for name, error in errors.items()} | weights
    return sorted((node.name for node in nodes), key=_keys(nodes, ratios).__getitem__, reverse=True)


def _keys(nodes: Sequence[onnx.NodeProto], ratios: Mapping[str, float]) -> dict[str, float]:
    return {
        node.name: sum(
            10 ** (-ratios.get(name, math.inf) / 10) for name in (*node.input, *node.output)
        )
        for node in nodes
    }
