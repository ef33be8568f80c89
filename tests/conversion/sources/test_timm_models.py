from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from conversion.graph.verify import PyTorchModel
from conversion.photographs import photograph_pixels
from conversion.sources.efficientnet_lite import EfficientNetLite
from conversion.sources.lookup import source_of
from conversion.sources.timm_models import TimmModel
from conversion.weights.checkpoint import read
from conversion.weights.fit import fill
from model_spec import Interpolation, Preprocessing, Size
from tests.support.refusals import refusal
from tests.support.saved_models import TIMM_TINY

timm = pytest.importorskip("timm")


def tiny() -> TimmModel:
    return TimmModel(f"timm/{TIMM_TINY}", TIMM_TINY)


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
    assert refusal(lambda: source_of(f"timm/{name}").description) == message


@pytest.mark.usefixtures("no_hub")
def test_weights_that_cannot_be_downloaded_are_named() -> None:
    assert refusal(lambda: tiny().published()).startswith(
        "cannot download model.safetensors of timm/test_resnet.r160_in1k from the Hugging Face hub"
    )


def test_published_weights_are_loaded_as_timm_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = tiny().build(1000).state_dict()
    path = tmp_path / "model.safetensors"
    save_file(state, path)
    built = tiny().build_published(path).state_dict()
    assert all(torch.equal(built[name], tensor) for name, tensor in state.items())


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
