"""Random weights whose answers differ from image to image, for tests and benchmarks."""

import torch
from torch import nn

# As heads of vision transformers are initialised (truncated normal, 0.02).
_HEAD_STD = 0.02


def enliven(network: nn.Module, images: torch.Tensor) -> nn.Module:
    """Make the answers of a freshly initialised network depend on its input.

    Some architectures start with a head of zeros. In others the signal fades away until batch norms
    know the mean and deviation of their inputs. Every image would get the same probabilities, and a
    comparison of two such models could not fail.

    Args:
        network: with random weights; the random state must be seeded.
        images: float32 ``[N, channels, H, W]``, normalised, from which batch norms get their
            statistics.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear) and not module.weight.any():
            nn.init.trunc_normal_(module.weight, std=_HEAD_STD)
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # running statistics become the mean of all batches
    with torch.no_grad():
        network.train()(images)
    return network
