from collections.abc import Callable

import torch
from torch import nn

from conversion.graph.first_run import check_first_run
from harness.images import preprocessing
from model_spec import Activation
from tests.support import refusals

WANTED = preprocessing(8, 8)


class Network(nn.Module):
    """Three means of an image, and what becomes of them."""

    def __init__(self, behind: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.behind = behind

    def forward(self, images: torch.Tensor) -> object:
        return self.behind(images.mean(dim=(2, 3)))


def refusal(network: nn.Module) -> str:
    return refusals.refusal(check_first_run, network, WANTED, Activation.SOFTMAX)


def test_a_network_of_another_size_is_told_which_it_gets() -> None:
    assert refusal(nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 2))) == (
        "the network fails on float32 [N, 3, 8, 8] (RuntimeError: mat1 and mat2 shapes cannot be "
        "multiplied (2x192 and 48x2)); --resize and --crop give it another size, channels in "
        "--preprocessing another number"
    )


def test_a_network_with_its_own_softmax_is_refused() -> None:
    softmax = Network(lambda means: means.softmax(dim=1))

    assert refusal(softmax).startswith("the network applies softmax itself: ")
    check_first_run(softmax, WANTED, Activation.SIGMOID)


def test_logits_are_taken_even_between_0_and_1() -> None:
    check_first_run(Network(lambda means: means), WANTED, Activation.SOFTMAX)
    check_first_run(Network(lambda means: means.log_softmax(dim=1)), WANTED, Activation.SOFTMAX)


def test_weights_that_give_nan_are_refused() -> None:
    assert refusal(Network(lambda means: means / 0 * 0)) == (
        "the network gives NaN for an image of noise: its weights are broken"
    )


def test_what_is_no_tensor_of_logits_is_refused() -> None:
    assert refusal(Network(lambda means: (means, means))).startswith("the network gives a tuple; ")
