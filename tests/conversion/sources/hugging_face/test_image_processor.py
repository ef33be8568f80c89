"""Processors as they were saved over the years, from feature extractors of 2020 on."""

import json
from pathlib import Path
from typing import Any

import pytest

from conversion.sources.hugging_face.image_processor import check_pixels, preprocessing_of
from model_spec import Channels, Interpolation, Preprocessing, ResizeMode, Size
from tests.support.refusals import refusal

transformers = pytest.importorskip("transformers")

HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
BOTH = {"do_normalize": True, "do_resize": True}


def read(folder: Path, model_type: str, content: dict[str, object]) -> tuple[Any, Preprocessing]:
    """The processor, and what is made of it."""
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    (folder / "preprocessor_config.json").write_text(json.dumps(content))
    processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    return processor, preprocessing_of(processor, config, "mine")


FORMS: dict[str, tuple[str, dict[str, object], tuple[ResizeMode, int, int, str]]] = {
    "ViT of 2020, without a type": (
        "vit",
        {**BOTH, **HALF, "resample": 2, "size": 224},
        (ResizeMode.SQUASH, 224, 224, "bilinear"),
    ),
    "ViT's feature extractor": (
        "vit",
        {"feature_extractor_type": "ViTFeatureExtractor", **BOTH, **HALF, "size": 96},
        (ResizeMode.SQUASH, 96, 96, "bilinear"),
    ),
    "ViT's fast processor": (
        "vit",
        {
            **{"image_processor_type": "ViTImageProcessorFast", **BOTH, **HALF, "resample": 3},
            **{"do_rescale": True, "rescale_factor": 1 / 255, "crop_size": None},
            **{"do_center_crop": None, "size": {"height": 224, "width": 224}, "device": None},
        },
        (ResizeMode.SQUASH, 224, 224, "bicubic"),
    ),
    "BEiT, squashed and cropped": (
        "beit",
        {
            **{"feature_extractor_type": "BeitFeatureExtractor", **BOTH, **HALF, "resample": 3},
            **{"crop_size": 224, "do_center_crop": True, "size": 256},
        },
        (ResizeMode.SQUASH, 256, 224, "bicubic"),
    ),
    "ConvNext, cropped by a share": (
        "convnext",
        {
            **{"feature_extractor_type": "ConvNextFeatureExtractor", **BOTH, **IMAGENET},
            **{"crop_pct": 0.875, "resample": 3, "size": 224},
        },
        (ResizeMode.SHORTEST_SIDE, 256, 224, "bicubic"),
    ),
    "ConvNext, squashed": (
        "convnext",
        {
            **{"image_processor_type": "ConvNextImageProcessor", **BOTH, **IMAGENET},
            **{"crop_pct": None, "resample": 3, "size": {"shortest_edge": 384}},
        },
        (ResizeMode.SQUASH, 384, 384, "bicubic"),
    ),
    "ResNet with ConvNext's": (
        "resnet",
        {
            **{"feature_extractor_type": "ConvNextFeatureExtractor", **BOTH, **IMAGENET},
            **{"crop_pct": 0.875, "resample": 3, "size": 160},
        },
        (ResizeMode.SHORTEST_SIDE, 182, 160, "bicubic"),
    ),
    "CLIP's feature extractor": (
        "clip",
        {
            **{"feature_extractor_type": "CLIPFeatureExtractor", **BOTH, **IMAGENET},
            **{"crop_size": 224, "do_center_crop": True, "resample": 3, "size": 224},
        },
        (ResizeMode.SHORTEST_SIDE, 224, 224, "bicubic"),
    ),
    "BiT's, as DINOv2 has it": (
        "dinov2",
        {
            **{"image_processor_type": "BitImageProcessor", **BOTH, **IMAGENET, "resample": 3},
            **{"crop_size": {"height": 224, "width": 224}, "do_center_crop": True},
            **{"do_convert_rgb": True, "do_rescale": True, "size": {"shortest_edge": 256}},
        },
        (ResizeMode.SHORTEST_SIDE, 256, 224, "bicubic"),
    ),
    "LeViT, which resizes to more than it says": (
        "levit",
        {
            **{"feature_extractor_type": "LevitFeatureExtractor", **BOTH, **IMAGENET},
            **{"do_center_crop": True, "resample": 3, "size": 224},
        },
        (ResizeMode.SHORTEST_SIDE, 256, 224, "bicubic"),
    ),
}


@pytest.mark.parametrize(("model_type", "content", "expected"), FORMS.values(), ids=FORMS)
def test_every_form_gives_the_pixels_of_its_own_processor(
    tmp_path: Path,
    model_type: str,
    content: dict[str, object],
    expected: tuple[ResizeMode, int, int, str],
) -> None:
    processor, found = read(tmp_path, model_type, content)
    mode, resize, crop, interpolation = expected
    assert (found.resize_mode, found.resize_size) == (mode, Size.square(resize))
    assert (found.crop_size, found.interpolation.value) == (Size.square(crop), interpolation)
    assert found.source == "mine"
    mean, std = (content[name] for name in ("image_mean", "image_std"))
    assert found.mean == pytest.approx([255 * each for each in mean])  # type: ignore[attr-defined]
    assert found.std == pytest.approx([255 * each for each in std])  # type: ignore[attr-defined]
    check_pixels(processor, found)


SQUASH = {"do_resize": True, "resample": 2, "size": {"height": 64, "width": 48}}


@pytest.mark.parametrize(
    ("content", "mean", "std"),
    [
        ({"do_normalize": False}, 0, 255),
        ({"do_normalize": False, "do_rescale": False}, 0, 1),
        ({**HALF, "do_rescale": False}, 0.5, 0.5),
        ({**HALF, "rescale_factor": 1 / 127.5}, 63.75, 63.75),
    ],
    ids=str,
)
def test_rescaling_and_normalising_are_one_mean_and_one_deviation(
    tmp_path: Path, content: dict[str, object], mean: float, std: float
) -> None:
    given = {"image_processor_type": "ViTImageProcessor", **SQUASH, **content}
    processor, found = read(tmp_path, "vit", given)
    assert found.crop_size == Size(height=64, width=48)
    assert found.mean == pytest.approx([mean] * 3)
    assert found.std == pytest.approx([std] * 3)
    check_pixels(processor, found)


@pytest.mark.parametrize("include_top", [True, False])
@pytest.mark.parametrize("rescale_offset", [True, False])
def test_efficientnet_normalises_twice(
    tmp_path: Path, include_top: bool, rescale_offset: bool
) -> None:
    content = {
        **{"image_processor_type": "EfficientNetImageProcessor", **SQUASH, **IMAGENET},
        **{"include_top": include_top, "rescale_offset": rescale_offset, "do_center_crop": False},
    }
    processor, found = read(tmp_path, "efficientnet", content)
    check_pixels(processor, found)


def test_mobilevit_takes_blue_first_and_is_not_normalised(tmp_path: Path) -> None:
    content = {
        **{"feature_extractor_type": "MobileViTFeatureExtractor", "do_flip_channels": True},
        **{"crop_size": 96, "do_center_crop": True, "do_resize": True, "resample": 2, "size": 108},
    }
    processor, found = read(tmp_path, "mobilevit", content)
    assert found.channels is Channels.BGR
    assert (found.mean, found.std) == ((0, 0, 0), (255, 255, 255))
    check_pixels(processor, found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"do_resize": False}, "mine has do_resize false: photographs have no common size then"),
        (
            {"size": {"shortest_edge": 64}},
            "mine resizes to {'shortest_edge': 64} and does not crop: "
            "photographs of different shapes have no common size then",
        ),
        ({"resample": 9}, "mine: resample is 9; there are 0 (nearest), 1 (lanczos), "),
        ({"resample": "bicubic"}, "mine: resample is 'bicubic'; there are 0 (nearest), "),
        ({"image_mean": [0.5, 0.5]}, "mine: mean has 2 numbers, channels rgb need 3"),
        ({"image_std": [0, 0, 0]}, "mine: std.0: Input should be greater than 0"),
    ],
)
def test_what_the_service_cannot_do_is_refused(
    tmp_path: Path, content: dict[str, object], message: str
) -> None:
    given = {"image_processor_type": "ViTImageProcessor", **SQUASH, **HALF, **content}
    assert refusal(read, tmp_path, "vit", given).startswith(message)


def test_pixels_that_differ_are_refused_with_the_figure(tmp_path: Path) -> None:
    processor, found = read(tmp_path, "vit", {"image_processor_type": "ViTImageProcessor"})
    wrong = found.model_copy(update={"interpolation": Interpolation.NEAREST})
    message = refusal(check_pixels, processor, wrong)
    assert message.startswith("mine: ViTImageProcessor prepares ")
    assert "as 224 x 224, the service as 224 x 224; mean difference of a pixel" in message
