import torch
from torch import nn

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
