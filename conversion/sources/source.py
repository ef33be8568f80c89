"""The interface of a source of networks."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from conversion.errors import ConversionError
from model_spec import Activation, Channels, Interpolation, Preprocessing, Size, Weights
from preprocessing_spec import WHITE

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn

    from conversion.weights.checkpoint import Entries

USUAL_SIDE = 224
"""Pixels of the side of ImageNet's usual input."""

# Of R, G, B, on the scale 0…1: torchvision.transforms._presets.ImageClassification.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
# Of the resized photograph's side that the crop keeps: 224 of 256.
_SHARE = 0.875


@dataclass(frozen=True)
class Description:
    """What a source knows of a network.

    Attributes:
        assumed: whether the preprocessing is the architecture's default. The user's own weights may
            have been trained with another one.
        labels: in the order of the class ids; None if only the user knows them.
        classes: number of classes of weights whose labels only the user knows; None if there are
            labels, or the weights are the user's.
        unknown: why the user must give the preprocessing, in words; None if it is known.
    """

    preprocessing: Preprocessing
    assumed: bool
    labels: tuple[str, ...] | None
    classes: int | None = None
    activation: Activation = Activation.SOFTMAX
    unknown: str | None = None


class Source(ABC):
    """A network that can be converted, by the name that the user gives.

    Every method raises ConversionError if it cannot do its work.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    @abstractmethod
    def description(self) -> Description:
        """What is known of the network."""

    @abstractmethod
    def published(self) -> tuple[Path, Weights]:
        """The file of the published weights, downloaded and verified, and where it came from."""

    @abstractmethod
    def build(self, classes: int) -> "nn.Module":
        """The network with random weights."""

    def build_published(self, path: Path) -> "nn.Module":
        """The network with the weights of the file from :meth:`published`. No code in it is run."""
        from conversion.weights.checkpoint import read
        from conversion.weights.fit import fill

        classes = self.description.classes or len(self.description.labels or ())
        network = self.build(classes)
        fill(network, read(path), path.name, classes)
        return network

    def exported(
        self, network: "nn.Module", preprocessing: Preprocessing, opset: int, activation: Activation
    ) -> "ModelProto":
        """The ONNX graph of a network that this source made, in eval mode."""
        from conversion.graph.export import export

        return export(network, preprocessing, opset, activation)

    def renamed(self, network: "nn.Module", entries: "Entries") -> "Entries":
        """The tensors of a checkpoint by the network's own names."""
        return entries

    def facts(self) -> list[object]:
        """What decides the result, beside the name and the weights; JSON can hold it."""
        return []


def imagenet(size: Size, channels: Channels = Channels.RGB) -> Preprocessing:
    """What most networks are trained with: ImageNet's mean, and 7/8 of the side as crop.

    The size and the channels are of the network's input; grey gets the mean of the three means.
    """
    mean, std = on_byte_scale(_MEAN), on_byte_scale(_STD)
    if channels is Channels.GREY:
        mean, std = (sum(mean) / len(mean),), (sum(std) / len(std),)
    return Preprocessing(
        resize_size=Size(height=round(size.height / _SHARE), width=round(size.width / _SHARE)),
        crop_size=size,
        interpolation=Interpolation.BILINEAR,
        channels=channels,
        mean=mean,
        std=std,
        source="the usual one of ImageNet",
    )


def on_byte_scale(channels: Sequence[float]) -> tuple[float, ...]:
    """Mean or deviation of each channel on the scale 0…255, from the scale 0…1."""
    return tuple(WHITE * channel for channel in channels)


def extra(package: str) -> ModuleType:
    """A package that an extra of the project installs.

    Raises:
        ConversionError: it is missing; names the command that installs it.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise ConversionError(
            f"{error.name} is not installed; install it with: pip install '.[{package}]'"
        ) from error
