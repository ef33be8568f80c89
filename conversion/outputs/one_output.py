"""A network with one output as a network with two."""

import torch
from torch import nn

from conversion.graph.export import logits_of


class TwoOutputs(nn.Module):
    """A network with one output, trained with sigmoid, as one with a logit for each of two classes.

    The negative class has the logit −z, and sigmoid(−z) = 1 − sigmoid(z): the probabilities of
    both sum to 1.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images → logits ``[N, 2]``, the negative class first."""
        logits = logits_of(self.network(images))
        return torch.cat([-logits, logits], dim=1)
