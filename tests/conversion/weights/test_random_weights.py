import pytest
import torch
from torch import nn

from conversion.sources.torchvision_models import TorchvisionModel
from conversion.weights.random_weights import enliven

IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)) + 5


def lively(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    head = nn.Linear(3, 2)
    nn.init.zeros_(head.weight)
    network = nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveMaxPool2d(1), nn.Flatten(), head)
    return enliven(network, IMAGES).eval()


def test_a_head_of_zeros_gets_weights_and_any_other_keeps_its_own() -> None:
    assert lively(0).get_parameter("3.weight").any()
    kept = nn.Linear(3, 2)
    before = kept.weight.detach().clone()
    enliven(nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(3), kept), IMAGES)
    assert torch.equal(kept.weight, before)


def test_batch_norms_know_the_figures_of_the_images() -> None:
    network = lively(0)
    torch.testing.assert_close(network.get_buffer("0.running_mean"), IMAGES.mean((0, 2, 3)))
    torch.testing.assert_close(network.get_buffer("0.running_var"), IMAGES.var((0, 2, 3)))


def test_answers_depend_on_the_image() -> None:
    with torch.inference_mode():
        answers = lively(0)(IMAGES)
    assert len({tuple(answer) for answer in answers.tolist()}) == len(IMAGES)


def test_equal_seeds_give_equal_networks() -> None:
    first, second, other = (lively(seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], tensor) for name, tensor in second.items())
    assert not torch.equal(first["3.weight"], other["3.weight"])


@pytest.mark.slow
def test_a_transformers_answers_depend_on_the_image() -> None:
    # As torchvision makes it, its head is all zeros.
    source = TorchvisionModel("vit_b_32")
    size = source.description.preprocessing.crop_size
    shape = (2, 3, size.height, size.width)
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    network = enliven(source.build(3), images).eval()
    with torch.inference_mode():
        first, second = network(images).softmax(dim=1)
    assert (first - second).abs().max() > 1e-4
