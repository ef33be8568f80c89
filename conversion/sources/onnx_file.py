"""A network that is an ONNX file already: float32 ``[N, channels, H, W]`` → ``[N, classes]``."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from conversion.errors import ConversionError, listed, refusing
from conversion.sources.source import Description, Source, imagenet
from conversion.weights.files import own_weights
from conversion.weights.folder import sha256_of_shards
from model_spec import Activation, Channels, Preprocessing, Weights

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn

    from conversion.sources.onnx_graph import Graph

PREFIX = "onnx:"

_WHERE = "location"
"""Key of a parameter's file."""


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
        """The file itself; the hash is of the files beside it, too, if these hold parameters."""
        if self._path.is_dir():
            inside = listed([each.name for each in sorted(self._path.glob("*.onnx"))])
            raise ConversionError(
                f"{PREFIX} takes an ONNX file, and {self._path} is a folder"
                + (f" with {inside}; give the path of one file" if inside else " without any")
            )
        if not self._path.is_file():
            raise ConversionError(f"{PREFIX} takes an ONNX file, and there is no {self._path}")
        path, weights = own_weights(str(self._path))
        with refusing(f"{path.name} cannot be read as ONNX"):
            others = _external_files(path)
        missing = [each.name for each in others if not each.is_file()]
        if missing:
            raise ConversionError(
                f"{path.name} has parameters in {listed(missing)}, which must lie beside it"
            )
        sha256 = sha256_of_shards([path, *others])
        return path, weights.model_copy(update={"sha256": sha256})

    def build(self, classes: int) -> "nn.Module":
        """Always raises: the file has its own weights."""
        raise ConversionError(f"{self.name} has its own weights: give no others")

    def build_published(self, path: Path) -> "nn.Module":
        """A module that runs the file with ONNX Runtime, for the comparison."""
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


def _external_files(path: Path) -> list[Path]:
    """The files beside a graph that hold some of its parameters."""
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    entries = (entry for each in graph.initializer for entry in each.external_data)
    return [path.with_name(name) for name in sorted({e.value for e in entries if e.key == _WHERE})]
