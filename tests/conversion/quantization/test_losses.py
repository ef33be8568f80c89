from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from conversion.graph.export import export, save
from conversion.quantization.bias import input_means
from conversion.quantization.calibration import Method, ranges
from conversion.quantization.losses import IMAGES, by_loss
from conversion.quantization.recipe import Recipe, quantize, weighted_nodes
from conversion.request import DEFAULT_OPSET
from harness.toys import toy_preprocessing
from model_spec import ONNX_FILE


@pytest.mark.slow
@pytest.mark.parametrize("outlier", [0, 1])
def test_the_node_with_an_outlier_among_its_weights_loses_most(
    outlier: int, tmp_path: Path
) -> None:
    """All other weights of its channel become zero."""
    convolutions = [nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1)]
    with torch.no_grad():
        for each in convolutions:
            each.weight.fill_(0.1)
        convolutions[outlier].weight[:, 0] = 0.0
        convolutions[outlier].weight[:, 1] = 0.11
        convolutions[outlier].weight[:, 2] = 40.0
    layers = (*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    save(export(nn.Sequential(*layers).eval(), toy_preprocessing(), DEFAULT_OPSET), tmp_path)
    fp32, int8 = tmp_path / ONNX_FILE, tmp_path / "int8.onnx"
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, 4, 4, 3), dtype=np.uint8)
    found = ranges(fp32, Method.MINMAX, pixels, tmp_path, lambda _: None)
    recipe = Recipe(Method.MINMAX, signed=False, reduce_range=True)
    quantize(fp32, found, input_means(fp32, pixels), recipe, int8)
    nodes = weighted_nodes(fp32)
    ranked = by_loss(fp32, int8, nodes, pixels, tmp_path)
    assert ranked[0] == nodes[outlier][0].name
    assert sorted(ranked) == sorted(node.name for (node,) in nodes)
