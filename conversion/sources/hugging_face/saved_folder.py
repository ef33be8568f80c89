"""``hf:FOLDER`` or ``hf:NAME`` of the Hugging Face hub: saved by transformers, or by timm."""

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conversion.errors import ConversionError
from conversion.sources.hugging_face.hub import hub_folder
from conversion.sources.hugging_face.timm_folder import ARCHITECTURE, TimmFolder
from conversion.sources.hugging_face.transformers_folder import CONFIG, TransformersFolder
from conversion.sources.source import Description, Source
from model_spec import Weights

if TYPE_CHECKING:
    from torch import nn

    from conversion.weights.checkpoint import Entries

PREFIX = "hf:"

_ADAPTER = "adapter_config.json"


class SavedFolder(Source):
    """Whichever library's network the folder holds.

    Args:
        name: ``hf:`` and a folder, or a repository of the hub.
    """

    def __init__(self, name: str) -> None:
        self._location = name.removeprefix(PREFIX).rstrip("/")
        folder = Path(self._location)
        # The path of a folder stays private: the model is named after the folder alone.
        super().__init__(f"{PREFIX}{folder.resolve().name}" if folder.is_dir() else name)

    @property
    def description(self) -> Description:
        """As the library says."""
        return self._saved.description

    def published(self) -> tuple[Path, Weights]:
        """The weights in the folder."""
        return self._saved.published()

    def build(self, classes: int) -> "nn.Module":
        """The network with random weights."""
        return self._saved.build(classes)

    def build_published(self, path: Path) -> "nn.Module":
        """The network with the weights in the folder."""
        return self._saved.build_published(path)

    def renamed(self, network: "nn.Module", entries: "Entries") -> "Entries":
        """As the library names them."""
        return self._saved.renamed(network, entries)

    def facts(self) -> list[object]:
        """The library's."""
        return self._saved.facts()

    @cached_property
    def _saved(self) -> Source:
        folder = Path(self._location)
        if not folder.is_dir():
            folder = hub_folder(self._location)
        content = self._content(folder / CONFIG)
        # transformers' own networks have a model_type, and its wrapper of timm's has both.
        if ARCHITECTURE in content and "model_type" not in content:
            return TimmFolder(self.name, folder, content)
        return TransformersFolder(self.name, folder)

    def _content(self, config: Path) -> dict[str, Any]:
        if not config.is_file():
            if (config.parent / _ADAPTER).is_file():
                raise ConversionError(
                    f"{self.name} holds an adapter of PEFT, not a network; save the whole with "
                    "model.merge_and_unload().save_pretrained(FOLDER)"
                )
            raise ConversionError(f"{self.name} has no {CONFIG}; save_pretrained writes it")
        try:
            content: object = json.loads(config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConversionError(f"{self.name}: {CONFIG} cannot be read ({error})") from error
        if not isinstance(content, dict):
            raise ConversionError(f"{self.name}: {CONFIG} must hold a JSON object")
        return content
