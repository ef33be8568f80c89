"""A network that is an ONNX file already: float32 ``[N, channels, H, W]`` → ``[N, classes]``."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from conversion.errors import ConversionError
from conversion.sources.source import Description, Source, imagenet
from conversion.weights.files import own_weights
from model_spec import Activation, Channels, Preprocessing, Weights

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn

    from conversion.sources.onnx_graph import Graph

PREFIX = "onnx:"


class OnnxFile(Source):
    """The file of ``onnx:FILE``, whose graph gets our front and back."""

    def __init__(self, name: str) -> None:
        self._path = Path(name.removeprefix(PREFIX))
        super().__init__(f"{PREFIX}{self._path.name}")

    @cached_property
    def description(self) -> Description:
        """The size of its input, and ImageNet's usual preprocessing for that."""
        graph = self._graph
        channels = Channels.GREY if graph.channels == 1 else Channels.RGB
        return Description(
            preprocessing=imagenet(graph.size, channels),
            assumed=True,
            labels=None,
            classes=graph.classes,
            activation=graph.activation or Activation.SOFTMAX,
        )

    def published(self) -> tuple[Path, Weights]:
        """The file itself."""
        if not self._path.is_file():
            raise ConversionError(f"no ONNX file {self._path}")
        return own_weights(str(self._path))

    def build(self, classes: int) -> "nn.Module":
        """It cannot be made without its weights."""
        raise ConversionError(f"{self.name} has its own weights: give no others")

    def build_published(self, path: Path) -> "nn.Module":
        """What runs the file as it is, for the comparison."""
        from conversion.sources.onnx_graph import Runner

        try:
            return Runner(path, self._graph)
        except Exception as error:
            # ONNX Runtime has a type of its own for each of its codes.
            reason = str(error).partition("failed:")[2].strip() or str(error)
            raise ConversionError(f"{self._path.name} cannot be run ({reason})") from error

    def exported(
        self, network: "nn.Module", preprocessing: Preprocessing, opset: int, activation: Activation
    ) -> "ModelProto":
        """The file's own graph, in its own opset, with our front and back around it."""
        from conversion.sources.onnx_graph import surrounded

        return surrounded(self._graph, preprocessing, activation)

    @cached_property
    def _graph(self) -> "Graph":
        from conversion.sources.onnx_graph import read

        return read(self._path)
