import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from conversion.errors import ONE_OUTPUT
from conversion.original import original_of
from conversion.preprocessing.overrides import Given, Overrides
from conversion.request import Request
from model_spec import Activation, Size
from tests.support.refusals import refusal

CODE = """
from torch import nn

def build(num_classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes))

def normalised(num_classes):
    return nn.Sequential(nn.BatchNorm2d(3), build(num_classes))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a user with a network for three classes, trained."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "network_of_three.py").write_text(CODE)
    head = {"2.weight": torch.ones(3, 3), "2.bias": torch.arange(3.0)}
    torch.save({"state_dict": head}, tmp_path / "mine.ckpt")
    (tmp_path / "labels.txt").write_text("cup\nsaucer\nspoon\n")
    return tmp_path


def own(**options: Path | str | int | Given | None) -> Request:
    return Request("network_of_three:build", **options)  # type: ignore[arg-type]


def test_the_users_weights_come_with_a_warning_that_the_preprocessing_is_assumed(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "image_classifier")
    found = original_of(own(location="mine.ckpt", labels_file=folder / "labels.txt"))
    assert caplog.messages == [
        "resize 256 (shortest_side), crop 224, bilinear, rgb, mean 0.485 0.456 0.406, "
        "std 0.229 0.224 0.225: the usual one of ImageNet",
        "this preprocessing is the default of network_of_three:build; if mine.ckpt was trained "
        "with another, its answers will be wrong: say so with --resize, --crop, … or "
        "--preprocessing",
        "took 'state_dict' from mine.ckpt",
    ]
    assert found.labels == ("cup", "saucer", "spoon")
    assert found.weights.source == "mine.ckpt, entry state_dict"
    with torch.inference_mode():
        assert found.network(torch.zeros(1, 3, 2, 2)).tolist() == [[0.0, 1.0, 2.0]]


def test_the_users_preprocessing_comes_before_the_sources(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "image_classifier")
    given = Given(Overrides(resize_size=Size.square(288), crop_size=Size.square(256)), "mine.json")
    found = original_of(own(location="mine.ckpt", labels_file=folder / "labels.txt", given=given))
    assert caplog.messages == [
        "resize 288 (shortest_side), crop 256, bilinear, rgb, mean 0.485 0.456 0.406, "
        "std 0.229 0.224 0.225: crop_size, resize_size: mine.json; else the usual one of ImageNet",
        "took 'state_dict' from mine.ckpt",
    ]
    assert found.preprocessing.pixels_shape == (256, 256, 3)


def test_weights_of_no_training_are_not_pretrained(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fresh = nn.Sequential(
        nn.BatchNorm2d(3), nn.Sequential(nn.Identity(), nn.Identity(), nn.Linear(3, 3))
    )
    torch.save(fresh.state_dict(), folder / "fresh.pth")
    name, labels = "network_of_three:normalised", folder / "labels.txt"
    found = original_of(Request(name, location="fresh.pth", labels_file=labels))
    assert (found.weights.pretrained, found.weights.source) == (False, "fresh.pth")
    assert caplog.messages[-1] == (
        "fresh.pth was saved before any training (pretrained: false): the answers will mean nothing"
    )


def test_own_labels_must_fit_the_published_weights(folder: Path) -> None:
    assert refusal(
        original_of, Request("efficientnet_lite0", labels_file=folder / "labels.txt")
    ) == (
        "3 labels do not fit the published weights, which tell 1000 classes apart; "
        "add --weights with your own"
    )


def test_missing_labels_are_asked_for_with_their_number(folder: Path) -> None:
    assert refusal(original_of, own(location="mine.ckpt")) == (
        "mine.ckpt tells 3 classes apart; give --labels with one for each"
    )


def test_a_wrong_number_of_labels_is_refused_with_both(folder: Path) -> None:
    (folder / "labels.txt").write_text("cup\nsaucer\n")
    assert refusal(original_of, own(location="mine.ckpt", labels_file=folder / "labels.txt")) == (
        "2 labels do not fit mine.ckpt, which tells 3 classes apart; "
        "give --labels with one for each"
    )


def test_random_weights_need_labels_where_none_are_known(folder: Path) -> None:
    assert refusal(original_of, own(seed=0)) == (
        "the class names of network_of_three:build are not known; "
        "give --labels with one for each class"
    )


def test_equal_seeds_give_equal_networks_and_others_give_others(folder: Path) -> None:
    labels = folder / "labels.txt"
    networks = [original_of(own(seed=seed, labels_file=labels)).network for seed in (3, 3, 4)]
    first, second, other = (nn.utils.parameters_to_vector(each.parameters()) for each in networks)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert not networks[0].training


def test_one_output_needs_sigmoid_and_two_labels(folder: Path) -> None:
    torch.save({"2.weight": torch.ones(1, 3), "2.bias": torch.ones(1)}, folder / "one.pth")
    softmax = own(location="one.pth", labels_file=folder / "labels.txt")
    sigmoid = replace(softmax, activation=Activation.SIGMOID)
    expected = f"one.pth is of a network with one output: {ONE_OUTPUT}"
    assert refusal(original_of, sigmoid) == expected
    (folder / "labels.txt").write_text("good\nbad\n")
    assert refusal(original_of, softmax) == expected
