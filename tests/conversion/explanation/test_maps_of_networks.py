"""Maps of small networks of several families, with random weights, beside PyTorch's own."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import DenseNet, MobileNetV2, ResNet, SwinTransformer
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.resnet import BasicBlock

from conversion.explanation.verify import explanation_of
from conversion.graph.export import export, save
from conversion.request import DEFAULT_OPSET
from harness.images import preprocessing
from inference.explanation.activations import ActivationSession
from model_spec import Explanation, Precision

pytestmark = pytest.mark.slow

CLASSES, SIDE = 10, 96


class Reference(NamedTuple):
    """How PyTorch computes a network's maps.

    Attributes:
        network: with random weights.
        features: of an image batch, the feature map that is pooled, ``[N, C, h, w]``.
        maps: of one image's feature map, ``[classes, h, w]``.
    """

    network: nn.Module
    features: Callable[[Tensor], Tensor]
    maps: Callable[[Tensor], Tensor]


def linear(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    """The layer at every place."""
    return lambda features: torch.einsum("kc,chw->khw", layer.weight, features)


def resnet() -> Reference:
    network = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=CLASSES)
    body = nn.Sequential(*list(network.children())[:-2])
    return Reference(network, body, linear(network.fc))


def mobilenet_v2() -> Reference:
    network = MobileNetV2(CLASSES, 0.2, [[1, 16, 1, 1], [2, 24, 1, 2]])
    return Reference(network, network.features, linear(network.classifier[1]))


def densenet() -> Reference:
    network = DenseNet(8, (1, 1), 16, num_classes=CLASSES)
    body = nn.Sequential(network.features, nn.ReLU())
    return Reference(network, body, linear(network.classifier))


def swin() -> Reference:
    network = SwinTransformer([4, 4], 8, [1, 1], [1, 1], [4, 4], num_classes=CLASSES)
    body = nn.Sequential(network.features, network.norm, network.permute)
    return Reference(network, body, linear(network.head))


def convnext() -> Reference:
    """Its maps take the deviation of the pooled features as given."""
    network = ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], 0.0, 1.0, CLASSES)
    norm, _, layer = network.classifier

    def maps(features: Tensor) -> Tensor:
        deviation = (features.mean((1, 2)).var(unbiased=False) + norm.eps).sqrt()
        normal = (features - features.mean(0)) / deviation
        return torch.einsum("kc,chw->khw", layer.weight * norm.weight, normal)

    return Reference(network, network.features, maps)


def exported(network: nn.Module, folder: Path) -> tuple[Explanation, np.ndarray]:
    """What is found in an exported network, and two images, uint8 ``[2, SIDE, SIDE, 3]``."""
    wanted = preprocessing(SIDE, SIDE).model_copy(update={"std": (255.0, 255.0, 255.0)})
    save(export(network, wanted, DEFAULT_OPSET), folder)
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    return explanation_of(folder, pixels, Precision.FP32, CLASSES), pixels


@pytest.mark.parametrize("build", [resnet, mobilenet_v2, densenet, swin, convnext])
def test_the_maps_are_those_of_pytorch(build: Callable[[], Reference], tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = build()
    reference.network.eval()
    explanation, pixels = exported(reference.network, tmp_path)
    assert explanation.reason is None
    found = ActivationSession.open(tmp_path, intra_op_threads=1).run(pixels[0])
    with torch.inference_mode():
        images = torch.from_numpy(pixels[:1]).permute(0, 3, 1, 2).float() / 255
        logits = reference.network(images)[0]
        maps = reference.maps(reference.features(images)[0])
    np.testing.assert_allclose(found.logits, logits.numpy(), atol=1e-4)
    np.testing.assert_allclose(found.maps, maps.numpy(), atol=1e-4)
    for own, theirs in zip(found.maps, maps.numpy(), strict=True):
        assert np.corrcoef(own.ravel(), theirs.ravel())[0, 1] >= 0.99
