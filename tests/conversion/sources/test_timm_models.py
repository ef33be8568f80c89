from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from conversion.errors import ConversionError
from conversion.photographs import PHOTOGRAPHS, photograph_pixels
from conversion.sources.efficientnet_lite import EfficientNetLite
from conversion.sources.lookup import source_of
from conversion.sources.timm_models import TimmModel, _preprocessing
from conversion.verify import PyTorchModel
from conversion.weights.checkpoint import read
from conversion.weights.fit import fill
from model_spec import Channels, Interpolation, Preprocessing, Size
from preprocessing import DecodeLimits, decode, transform

timm = pytest.importorskip("timm")

LIMITS = DecodeLimits(10_000_000, 10.0)
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)

# The smallest network of timm: 0.4 million parameters, 160 pixels.
TINY = "test_resnet.r160_in1k"


def tiny() -> TimmModel:
    return TimmModel(f"timm/{TINY}", TINY)


def test_a_network_is_prepared_as_its_pretrained_config_says() -> None:
    found = source_of("timm/convnext_tiny.in12k_ft_in1k").description
    assert found.preprocessing == Preprocessing(
        resize_size=Size.square(235),  # ⌊224 / 0.95⌋
        crop_size=Size.square(224),
        interpolation=Interpolation.BICUBIC,
        mean=(255 * 0.485, 255 * 0.456, 255 * 0.406),
        std=(255 * 0.229, 255 * 0.224, 255 * 0.225),
        source="timm convnext_tiny.in12k_ft_in1k",
    )
    assert found.assumed
    labels = found.labels or ()
    assert (len(labels), labels[967]) == (1000, "espresso")


def test_a_name_without_tag_means_timms_default_weights() -> None:
    assert source_of("timm/resnet50").description.preprocessing.source == "timm resnet50.a1_in1k"


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
    preprocessing = _preprocessing(config, "timm")
    theirs = timm.data.create_transform(**config, is_training=False)
    for path in PHOTOGRAPHS:
        image = decode(path.read_bytes(), LIMITS)
        pixels = transform(image, preprocessing)
        expected = (theirs(image) * STD + MEAN) * 255
        assert pixels.shape == (*config["input_size"][1:], 3)  # type: ignore[index]
        difference = torch.tensor(pixels).permute(2, 0, 1) - expected
        assert difference.abs().mean() < 0.01, path.name


def test_a_network_of_one_channel_gets_grey_pixels() -> None:
    found = _preprocessing(CONFIG | {"input_size": (1, 28, 28), "mean": (0.5,), "std": (1,)}, "")
    assert (found.channels, found.mean, found.std) == (Channels.GREY, (127.5,), (255,))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "resnet5",
            "timm has no model 'resnet5'; did you mean timm/resnet50, timm/resnet51q, "
            "timm/resnet50t?",
        ),
        ("qqqqq", "timm has no model 'qqqqq'"),
        (
            "resnet50.a1_in1",
            "timm knows no weights 'resnet50.a1_in1'; did you mean timm/resnet50.a1_in1k, "
            "timm/resnet50d.a1_in1k, timm/resnet50.a1h_in1k?",
        ),
    ],
)
def test_an_unknown_network_is_refused(name: str, message: str) -> None:
    with pytest.raises(ConversionError) as caught:
        _ = source_of(f"timm/{name}").description
    assert str(caught.value) == message


@pytest.mark.usefixtures("no_hub")
def test_weights_that_cannot_be_downloaded_are_named() -> None:
    with pytest.raises(ConversionError) as caught:
        tiny().published()
    assert str(caught.value).startswith(
        "cannot download model.safetensors of timm/test_resnet.r160_in1k from the Hugging Face hub"
    )


def test_published_weights_are_loaded_as_timm_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = tiny().build(1000).state_dict()
    path = tmp_path / "model.safetensors"
    save_file(state, path)
    built = tiny().build_published(path).state_dict()
    assert all(torch.equal(built[name], tensor) for name, tensor in state.items())


def test_a_network_has_as_many_classes_as_asked_for() -> None:
    with torch.inference_mode():
        assert tiny().build(3).eval()(torch.zeros(2, 3, 160, 160)).shape == (2, 3)


@pytest.mark.slow
def test_efficientnet_lite0_answers_as_the_default_does() -> None:
    """Its own weights, under timm's names: both networks list their tensors in one order."""
    default = EfficientNetLite("efficientnet_lite0")
    path, _ = default.published()
    (state,) = read(path).values()
    source = TimmModel("timm/tf_efficientnet_lite0", "tf_efficientnet_lite0")
    network = source.build(1000)
    renamed = dict(zip(network.state_dict(), state.values(), strict=True))
    fill(network, {"": renamed}, path.name, 1000)

    preprocessing = default.description.preprocessing
    pixels = photograph_pixels(preprocessing)
    expected = PyTorchModel(default.build_published(path).eval(), preprocessing, 1000)
    found = PyTorchModel(network.eval(), preprocessing, 1000)
    np.testing.assert_allclose(
        found.probabilities(pixels), expected.probabilities(pixels), atol=1e-5
    )
    # timm prepares images in the same way, but for (pixel - 127.5) / 127.5.
    own = {name: getattr(preprocessing, name) for name in ("mean", "std", "source")}
    assert source.description.preprocessing.model_copy(update=own) == preprocessing
