import pytest
import torch

from conversion.photographs import PHOTOGRAPHS, photograph
from conversion.sources.timm_config import labels_of, preprocessing_of
from model_spec import Channels
from preprocessing import transform
from tests.support.refusals import refusal

timm = pytest.importorskip("timm")

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)

CONFIG = {
    "input_size": (3, 160, 160),
    "interpolation": "bicubic",
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
    "crop_pct": 0.95,
    "crop_mode": "center",
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"interpolation": "bilinear", "crop_pct": 1.0},
        {"crop_mode": "squash"},
        {"crop_mode": "squash", "crop_pct": 1.0, "input_size": (3, 128, 160)},
        {"crop_mode": "border"},
        {"crop_mode": "border", "crop_pct": 1.0, "input_size": (3, 160, 96)},
        {"input_size": (3, 96, 160)},
    ],
    ids=str,
)
def test_pixels_are_those_of_timms_own_transform(changes: dict[str, object]) -> None:
    config = CONFIG | changes
    preprocessing = preprocessing_of(config, "timm")
    theirs = timm.data.create_transform(**config, is_training=False)
    for path in PHOTOGRAPHS:
        image = photograph(path)
        pixels = transform(image, preprocessing)
        expected = (theirs(image) * STD + MEAN) * 255
        assert pixels.shape == (*config["input_size"][1:], 3)  # type: ignore[index]
        difference = torch.tensor(pixels).permute(2, 0, 1) - expected
        assert difference.abs().mean() < 0.01, path.name


def test_a_network_of_one_channel_gets_grey_pixels() -> None:
    found = preprocessing_of(CONFIG | {"input_size": (1, 28, 28), "mean": (0.5,), "std": (1,)}, "")
    assert (found.channels, found.mean, found.std) == (Channels.GREY, (127.5,), (255,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_mode": "top"}, "mine: crop_mode is 'top'; there are center, squash, border"),
        (
            {"interpolation": "random"},
            "mine: interpolation is 'random'; "
            "there are nearest, box, bilinear, hamming, bicubic, lanczos",
        ),
        ({"input_size": (4, 160, 160)}, "mine: the network takes 4 channels, not 1 or 3"),
        (
            {"input_size": (160, 160)},
            "mine is not what timm writes "
            "(ValueError: not enough values to unpack (expected 3, got 2))",
        ),
        (
            {"crop_pct": "all"},
            "mine is not what timm writes "
            "(TypeError: unsupported operand type(s) for /: 'int' and 'str')",
        ),
    ],
)
def test_what_the_service_cannot_do_is_refused(changes: dict[str, object], message: str) -> None:
    assert refusal(preprocessing_of, CONFIG | changes, "mine") == message


@pytest.mark.parametrize("names", [["a", "b"], {"1": "b", "0": "a"}])
def test_labels_are_a_list_or_numbered(names: object) -> None:
    assert labels_of({"label_names": names, "num_classes": 2}) == ("a", "b")


def test_labels_that_nobody_named_are_not_known() -> None:
    assert labels_of({"num_classes": 2}) is None
