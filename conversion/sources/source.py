"""What conversion has to know of a network, wherever it comes from."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pydantic import ValidationError

from conversion.errors import ConversionError
from model_spec import Activation, Channels, Interpolation, Preprocessing, Size, Weights
from preprocessing_spec import WHITE

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn

    from conversion.weights.checkpoint import Entries

# Of R, G, B, on the scale 0…1: torchvision.transforms._presets.ImageClassification.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
# Of the resized photograph's side that the crop keeps: 224 of 256.
_SHARE = 0.875


@dataclass(frozen=True)
class Description:
    """What a source says of a network.

    Attributes:
        preprocessing: that the network was trained with.
        assumed: whether the preprocessing is the architecture's default, which weights of the
            user's own may have been trained without.
        labels: in the order of the class ids; None if only the user knows them.
        classes: of weights whose labels only the user knows; None if the labels tell it.
        activation: that makes probabilities of the logits; sigmoid tells several classes at once.
        unknown: why the preprocessing is only a start for what the user must say of it; None if
            it can be used as it is.
    """

    preprocessing: Preprocessing
    assumed: bool
    labels: tuple[str, ...] | None
    classes: int | None = None
    activation: Activation = Activation.SOFTMAX
    unknown: str | None = None


class Source(ABC):
    """A network that can be converted. Making a source imports no library and reads no file.

    Attributes:
        name: as the user gives it.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    @abstractmethod
    def description(self) -> Description:
        """What is known of the network.

        Raises:
            ConversionError: there is no such network, or its library is missing.
        """

    @abstractmethod
    def published(self) -> tuple[Path, Weights]:
        """The file of the published weights, downloaded and verified, and where it came from.

        Raises:
            ConversionError: there are none, or they cannot be had.
        """

    @abstractmethod
    def build(self, classes: int) -> "nn.Module":
        """The network with random weights.

        Raises:
            ConversionError: it cannot be made.
        """

    @abstractmethod
    def build_published(self, path: Path) -> "nn.Module":
        """The network with its published weights.

        Args:
            path: that :meth:`published` gave.

        Raises:
            ConversionError: the file does not fit.
        """

    def exported(
        self, network: "nn.Module", preprocessing: Preprocessing, opset: int, activation: Activation
    ) -> "ModelProto":
        """The ONNX graph of a network that this source made.

        Args:
            network: in eval mode.
            preprocessing: of the network.
            opset: version of the ONNX operators.
            activation: makes probabilities of the logits.

        Raises:
            ConversionError: there is no graph of it.
        """
        from conversion.graph.export import export

        return export(network, preprocessing, opset, activation)

    def renamed(self, network: "nn.Module", entries: "Entries") -> "Entries":
        """The tensors of a checkpoint by the names that this source's networks have.

        Args:
            network: that the checkpoint is for.
            entries: of the checkpoint.
        """
        return entries

    def facts(self) -> list[object]:
        """What decides the result of a conversion beside the name and the weights, as JSON."""
        return []


def imagenet(size: Size, channels: Channels = Channels.RGB) -> Preprocessing:
    """What most networks are trained with: ImageNet's mean, and an eighth cropped.

    Args:
        size: of the network's input.
        channels: of the network's input; grey gets the mean of the three means.
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


def preprocessing_with(**fields: object) -> Preprocessing:
    """What a library's config says, which may be impossible.

    Raises:
        ConversionError: it is; names the config and the first thing that is wrong.
    """
    try:
        return Preprocessing.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{name}: " for name in first["loc"][:1])
        message = first["msg"].removeprefix("Value error, ")
        raise ConversionError(f"{fields['source']}: {where}{message}") from error


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
