"""A network that tells dark images from bright ones, as a model of the model store."""

from pathlib import Path

import pytest
import torch
from torch import nn

from conversion.export import export, save
from conversion.request import DEFAULT_OPSET
from model_spec import ONNX_FILE, ModelSpec, sha256_of_file
from tests.support.toys import GOLDEN_FILE, encoded, toy_preprocessing, write_toy_model

DARK_AND_BRIGHT = ("dark", "bright")

STEEPNESS = 40.0
"""Of the logits over the brightness 0…1: only close to 0.5 the network is not sure."""


def brightness_network() -> nn.Module:
    """A convolution to four means, and a last layer that compares them with 0.5."""
    convolution = nn.Conv2d(3, 4, 3, bias=False)
    last = nn.Linear(4, 2)
    with torch.no_grad():
        convolution.weight.fill_(1 / 27)
        last.weight.copy_(torch.tensor([[-1.0], [1.0]]) * STEEPNESS / 4)
        last.bias.copy_(torch.tensor([1.0, -1.0]) * STEEPNESS / 2)
    return nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last).eval()


@pytest.fixture(scope="session")
def fp32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the fp32 model."""
    folder = tmp_path_factory.mktemp("fp32")
    spec = write_toy_model(folder)
    preprocessing = toy_preprocessing().model_copy(update={"std": (255.0, 255.0, 255.0)})
    save(export(brightness_network(), preprocessing, DEFAULT_OPSET), folder)
    spec = ModelSpec.model_validate(
        {
            **spec.model_dump(),
            "preprocessing": preprocessing.model_dump(),
            "labels": DARK_AND_BRIGHT,
            "files": {name: sha256_of_file(folder / name) for name in (ONNX_FILE, GOLDEN_FILE)},
        }
    )
    spec.save(folder)
    return folder


@pytest.fixture(scope="session")
def greys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 128 grey images without labels, as dark as bright ones."""
    folder = tmp_path_factory.mktemp("greys")
    for value in range(0, 256, 2):
        (folder / f"{value:03}.png").write_bytes(encoded((value, value, value)))
    return folder
