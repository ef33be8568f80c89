import torch
from torch import nn

from conversion.graph.export import probabilities_of
from conversion.outputs.one_output import TwoOutputs
from model_spec import Activation


def test_both_probabilities_sum_to_1_and_the_second_is_the_networks() -> None:
    logits = torch.tensor([[0.0], [2.0], [-30.0]])
    found = probabilities_of(TwoOutputs(nn.Identity())(logits), Activation.SIGMOID)
    torch.testing.assert_close(found[:, 1:], logits.sigmoid())
    torch.testing.assert_close(found.sum(dim=1), torch.ones(3))
