"""A network that tells dark images from bright ones, as a model of the model store."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from conversion.explanation.verify import explanation_of
from conversion.graph.export import export, save
from conversion.outputs.embedding import add_embedding
from conversion.quantization.bias import input_means
from conversion.quantization.calibration import Method, ranges
from conversion.quantization.recipe import Recipe, quantize
from conversion.request import DEFAULT_OPSET
from harness.toys import GOLDEN_FILE, encoded, toy_preprocessing, write_toy_model
from model_spec import ONNX_FILE, ModelSpec, Precision, sha256_of_file

DARK_AND_BRIGHT = ("dark", "bright")

MEANS = 4
"""Of the convolution's channels: the embedding."""

GREYS = np.stack([np.full((4, 4, 3), value, np.uint8) for value in range(255, -1, -5)])
"""uint8 ``[52, 4, 4, 3]``, from white to black."""

STEEPNESS = 40.0
"""Of the logits over the brightness 0…1: only close to 0.5 the network is not sure."""


def brightness_network(*deeper: nn.Module) -> nn.Module:
    """A convolution to four means, and a last layer that compares them with 0.5.

    The ``deeper`` layers stand between both; they must keep the means.
    """
    convolution = nn.Conv2d(3, MEANS, 3, bias=False)
    last = nn.Linear(MEANS, 2)
    with torch.no_grad():
        convolution.weight.fill_(1 / 27)
        last.weight.copy_(torch.tensor([[-1.0], [1.0]]) * STEEPNESS / MEANS)
        last.bias.copy_(torch.tensor([1.0, -1.0]) * STEEPNESS / 2)
    layers = (convolution, nn.ReLU(), *deeper, nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    return nn.Sequential(*layers).eval()


def write_fp32(folder: Path, network: nn.Module) -> None:
    """Write a model of a network of this kind."""
    spec = write_toy_model(folder)
    preprocessing = toy_preprocessing().model_copy(update={"std": (255.0, 255.0, 255.0)})
    proto = export(network, preprocessing, DEFAULT_OPSET)
    embedding = add_embedding(proto, MEANS)
    save(proto, folder)
    explanation = explanation_of(folder, GREYS[:2], Precision.FP32, len(DARK_AND_BRIGHT))
    names = (ONNX_FILE, GOLDEN_FILE, *explanation.files)
    spec = ModelSpec.model_validate(
        {
            **spec.model_dump(),
            "preprocessing": preprocessing.model_dump(),
            "labels": DARK_AND_BRIGHT,
            "files": {name: sha256_of_file(folder / name) for name in names},
            "embedding": embedding,
            "explanation": explanation.model_dump(),
        }
    )
    spec.save(folder)


def write_int8(fp32: Path, folder: Path, workspace: Path) -> None:
    """Write the network's int8 graph, and nothing else of a model."""
    recipe = Recipe(Method.MINMAX, signed=False, reduce_range=True)
    found = ranges(fp32 / ONNX_FILE, recipe.method, GREYS, workspace, lambda _: None)
    means = input_means(fp32 / ONNX_FILE, GREYS)
    quantize(fp32 / ONNX_FILE, found, means, recipe, folder / ONNX_FILE)


def change_weights(folder: Path, factor: float) -> None:
    """Multiply the scale of the convolution's weights."""
    proto = onnx.load(folder / ONNX_FILE)
    for each in proto.graph.initializer:
        if each.name.endswith("weight_scale") and len(each.dims) == 1:
            scaled = numpy_helper.to_array(each) * np.float32(factor)
            each.CopyFrom(numpy_helper.from_array(scaled, each.name))
    onnx.save(proto, folder / ONNX_FILE)


def write_greys(folder: Path) -> None:
    """Write 128 grey images without labels, as dark as bright ones."""
    for value in range(0, 256, 2):
        (folder / f"{value:03}.png").write_bytes(encoded((value, value, value)))
