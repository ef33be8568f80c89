import logging

import pytest
import torch
from torch import nn

from conversion.original import Original
from conversion.preprocessing.exactness import with_pixels_it_needs
from conversion.preprocessing.overrides import Given, Overrides
from harness.images import preprocessing
from model_spec import Activation, Channels, Precision, Preprocessing, Weights


class Waves(nn.Module):
    """Its two logits differ by a wave over the images' brightness, the steeper the factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        wave = torch.sin(images.mean(dim=(1, 2, 3)) * self.factor)
        return torch.stack([wave, torch.zeros_like(wave)], dim=1)


def original(factor: float, **fields: object) -> Original:
    wanted = preprocessing(64, 56).model_copy(update=fields)
    weights = Weights(pretrained=True, source="by hand", sha256=None, licence=None)
    labels = ("bright", "dark")
    return Original(Waves(factor).eval(), wanted, weights, labels, Activation.SOFTMAX, False)


def chosen(
    given: Original, overrides: Overrides | None = None, precision: Precision = Precision.FP32
) -> Preprocessing:
    said = Given(overrides, "command line") if overrides else None
    return with_pixels_it_needs(given, said, precision).preprocessing


def test_a_network_that_one_pixel_moves_gets_those_of_training(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pytest.importorskip("cykooz_resizer", reason="there is no wheel for this machine")
    caplog.set_level(logging.INFO)

    found = chosen(original(10))

    assert found == original(10).preprocessing.model_copy(update={"exact_pixels": True})
    assert "resized by Pillow: the faster resizer changes a probability by up to" in caplog.text
    assert "(limit 0.00025)" in caplog.text


def test_a_network_that_one_pixel_does_not_move_gets_the_fast_ones(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    assert not chosen(original(1e-4)).exact_pixels

    assert "resized by the faster resizer where that can" in caplog.text


def test_what_the_user_says_decides() -> None:
    assert not chosen(original(10), Overrides(exact_pixels=False)).exact_pixels
    # It has been put into the preprocessing already.
    assert chosen(original(1e-4, exact_pixels=True), Overrides(exact_pixels=True)).exact_pixels
    assert not chosen(original(1e-4), Overrides(mean=(0.0,))).exact_pixels


def test_one_way_to_resize_is_enough_where_both_are_equal() -> None:
    assert not chosen(original(10, channels=Channels.GREY, mean=(0.0,), std=(1.0,))).exact_pixels


@pytest.mark.parametrize("precision", [each for each in Precision if each is not Precision.FP32])
def test_a_precision_that_changes_answers_keeps_the_fast_pixels(precision: Precision) -> None:
    assert not chosen(original(10), precision=precision).exact_pixels
