"""Models as their makers train and save them, each with its own library's answer.

The weights are random with a seed. Heads read what differs most between photographs, and are sure
of themselves: a wrong preprocessing could go unnoticed otherwise.
"""

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import nn

from conversion.graph.export import logits_of
from conversion.outputs.embedding import last_linear_input
from conversion.weights.random_weights import enliven
from tests.support.saved_models import TIMM_TINY, change

torchvision = pytest.importorskip("torchvision")
timm = pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")

LABELS = ("ant", "bee", "cat")
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}

# Standard deviation of a logit over the photographs.
_SPREAD = 2.0

Photograph = Image.Image
Probabilities = npt.NDArray[np.float32]
Pipeline = Callable[[Photograph], torch.Tensor]
"""An image of RGB → the network's input, float32 ``[channels, height, width]``."""


class Trained(NamedTuple):
    """A model and what its own library answers.

    Attributes:
        arguments: of ``conversion.convert_to_onnx``.
        answer: a photograph's probabilities ``[classes]``.
    """

    arguments: list[str]
    answer: Callable[[Photograph], Probabilities]


Make = Callable[[Path, Sequence[Photograph]], Trained]
"""Writes a model into a folder; the photographs are what its answers differ on."""


def fitted(network: nn.Module, pipeline: Pipeline, photographs: Sequence[Photograph]) -> nn.Module:
    """Batch norms get the photographs' figures, and the head their principal components."""
    images = torch.stack([pipeline(photograph) for photograph in photographs])
    torch.manual_seed(0)
    network = enliven(network, images).eval()
    head = [each for each in network.modules() if isinstance(each, nn.Linear)][-1]
    features = last_linear_input(network, images)
    assert features is not None
    mean = features.mean(dim=0)
    _, deviations, components = torch.linalg.svd(features - mean, full_matrices=False)
    factor = _SPREAD * len(photographs) ** 0.5 / deviations[: len(LABELS)]
    with torch.no_grad():
        head.weight.copy_(components[: len(LABELS)] * factor[:, None])
        head.bias.copy_(-head.weight @ mean)
    return network


def answering(
    network: nn.Module, pipeline: Pipeline, activation: str = "softmax"
) -> Callable[[Photograph], Probabilities]:
    """The network's probabilities in PyTorch."""

    def answer(photograph: Photograph) -> Probabilities:
        with torch.inference_mode():
            (logits,) = logits_of(network(pipeline(photograph)[None]))
        found = logits.sigmoid() if activation == "sigmoid" else logits.softmax(dim=0)
        probabilities: Probabilities = found.numpy()
        return probabilities

    return answer


def with_labels(folder: Path, *arguments: str) -> list[str]:
    """The arguments and a file of labels."""
    (folder / "labels.txt").write_text("\n".join(LABELS))
    return [*arguments, "--labels", str(folder / "labels.txt")]


def of_timm(side: int, **data: object) -> Make:
    """A network that ``save_for_hf`` wrote with the data config of its training."""

    def make(folder: Path, photographs: Sequence[Photograph]) -> Trained:
        mean = data.get("mean")
        channels = 1 if isinstance(mean, tuple) and len(mean) == 1 else 3
        torch.manual_seed(0)
        network = timm.create_model(
            TIMM_TINY,
            num_classes=len(LABELS),
            in_chans=channels,
            pretrained_cfg_overlay={"input_size": (channels, side, side), **data},
        )
        config = timm.data.resolve_model_data_config(network)
        transform = timm.data.create_transform(**config, is_training=False)

        def pipeline(photograph: Photograph) -> torch.Tensor:
            image = photograph.convert("L") if channels == 1 else photograph
            found: torch.Tensor = transform(image)
            return found

        fitted(network, pipeline, photographs)
        timm.models.save_for_hf(
            network, folder / "mine", {"label_names": list(LABELS)}, safe_serialization=True
        )
        return Trained(["--architecture", f"hf:{folder}/mine"], answering(network, pipeline))

    return make


def of_transformers(
    configured: Callable[[], Any], processor: dict[str, object], **config: object
) -> Make:
    """A network that ``save_pretrained`` wrote, beside a processor's file."""

    def make(folder: Path, photographs: Sequence[Photograph]) -> Trained:
        transformers.utils.logging.disable_progress_bar()
        torch.manual_seed(0)
        network = transformers.AutoModelForImageClassification.from_config(configured())
        saved = folder / "mine"
        network.save_pretrained(saved)
        change(saved / "config.json", id2label=dict(enumerate(LABELS)), **config)
        (saved / "preprocessor_config.json").write_text(json.dumps(processor))
        own = transformers.AutoImageProcessor.from_pretrained(saved)

        def pipeline(photograph: Photograph) -> torch.Tensor:
            pixels: torch.Tensor = own(photograph, return_tensors="pt")["pixel_values"][0]
            return pixels

        fitted(network, pipeline, photographs)
        network.save_pretrained(saved)
        change(saved / "config.json", id2label=dict(enumerate(LABELS)), **config)
        several = config.get("problem_type") == "multi_label_classification"
        answer = answering(network, pipeline, "sigmoid" if several else "softmax")
        return Trained(["--architecture", f"hf:{saved}"], answer)

    return make


def of_onnx(
    steps: Sequence[Callable[[Any], Any]],
    *options: str,
    channels: int = 3,
    fields: dict[str, object] | None = None,
) -> Make:
    """A small network of its maker's own, exported by PyTorch.

    Args:
        steps: of torchvision, from an image of RGB on.
        options: of the conversion that say the same.
        channels: that the network takes.
        fields: of ``--preprocessing`` that say the same.
    """

    def make(folder: Path, photographs: Sequence[Photograph]) -> Trained:
        pipeline = torchvision.transforms.Compose(steps)
        torch.manual_seed(0)
        network: nn.Module = nn.Sequential(
            *(nn.Conv2d(channels, 16, 7, 4), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Conv2d(16, 32, 3, 2), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, len(LABELS))),
        )
        network = fitted(network, pipeline, photographs)
        file, mine = folder / "mine.onnx", folder / "mine.json"
        example = pipeline(photographs[0])[None]
        with warnings.catch_warnings():
            # Of the exporter's own use of PyTorch.
            warnings.simplefilter("ignore")
            torch.onnx.export(network, (example,), str(file), dynamo=True, verbose=False)
        mine.write_text(json.dumps(fields))
        chosen = ["--preprocessing", str(mine)] if fields else []
        arguments = with_labels(folder, "--onnx", str(file), *options, *chosen)
        activation = "sigmoid" if "sigmoid" in options else "softmax"
        return Trained(arguments, answering(network, pipeline, activation))

    return make


def vit(**config: object) -> Callable[[], Any]:
    """A ViT of one layer."""
    small = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    wide = {"intermediate_size": 64, "initializer_range": 0.3, "num_labels": len(LABELS)}
    return lambda: transformers.ViTConfig(**{**small, **wide, **config})


def bgr(tensor: torch.Tensor) -> torch.Tensor:
    """As Caffe's networks take it: bytes in the order B, G, R, less their means."""
    return tensor.flip(0).float() - torch.tensor([103.53, 116.28, 123.675]).view(3, 1, 1)


def to_floats(tensor: torch.Tensor) -> torch.Tensor:
    """Bytes → numbers from 0 to 1."""
    return tensor.float() / 255


_T = torchvision.transforms
v2 = pytest.importorskip("torchvision.transforms.v2")
_TENSOR = [_T.ToTensor(), _T.Normalize(MEAN, STD)]

CASES: dict[str, Make] = {
    "timm, border": of_timm(224, crop_mode="border", crop_pct=0.95),
    "timm, one channel": of_timm(160, mean=(0.5,), std=(0.5,), interpolation="bilinear"),
    "ONNX, rectangular, several labels": of_onnx(
        [_T.Resize((160, 224)), *_TENSOR], "--resize", "160x224", "--activation", "sigmoid"
    ),
    "ONNX, BGR": of_onnx(
        [_T.Resize(256), _T.CenterCrop(224), _T.PILToTensor(), bgr],
        fields={
            **{"resize_size": 256, "channels": "bgr", "scale": 255},
            **{"mean": [103.53, 116.28, 123.675], "std": 1},
        },
    ),
    "ONNX, longest side and padding": of_onnx(
        [v2.Resize(None, max_size=224), _T.CenterCrop(224), *_TENSOR],
        *("--resize", "224", "--resize-mode", "longest_side"),
    ),
    "ONNX, tensors without antialias": of_onnx(
        [_T.PILToTensor(), _T.Resize((224, 224), antialias=False), to_floats],
        fields={"resize_size": [224, 224], "antialias": False, "mean": 0, "std": 1},
    ),
    "ONNX, one channel": of_onnx(
        [_T.Grayscale(), _T.Resize((96, 128)), _T.ToTensor(), _T.Normalize([0.5], [0.5])],
        *("--resize", "96x128", "--mean", "0.5", "--std", "0.5"),
        channels=1,
    ),
    "ViT, several labels": of_transformers(
        vit(image_size=160),
        {
            **{"image_processor_type": "ViTImageProcessorFast", "do_convert_rgb": True},
            **{"do_normalize": True, "do_rescale": True, "rescale_factor": 1 / 255},
            **{"do_resize": True, "resample": 3, "default_to_square": True, **HALF},
            **{"size": {"height": 160, "width": 160}, "data_format": "channels_first"},
        },
        problem_type="multi_label_classification",
    ),
}
