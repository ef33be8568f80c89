"""What conversion has to know of a network, wherever it comes from."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from conversion.errors import ConversionError
from model_spec import Activation, Preprocessing, Weights
from preprocessing_spec import WHITE

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Description:
    """What a source says of a network.

    Attributes:
        preprocessing: that the network was trained with.
        assumed: whether the preprocessing is the architecture's default, which weights of the
            user's own may have been trained without.
        labels: in the order of the class ids; None if only the user knows them.
        activation: that makes probabilities of the logits; sigmoid tells several classes at once.
    """

    preprocessing: Preprocessing
    assumed: bool
    labels: tuple[str, ...] | None
    activation: Activation = Activation.SOFTMAX


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

    def facts(self) -> list[object]:
        """What decides the result of a conversion beside the name and the weights, as JSON."""
        return []


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
