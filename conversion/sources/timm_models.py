"""timm's networks, each with the preprocessing and the labels of its pretrained config."""

import difflib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conversion.errors import ConversionError
from conversion.sources.hugging_face.hub import hub_file
from conversion.sources.source import Description, Source, extra
from conversion.sources.timm_config import labels_of, preprocessing_of
from conversion.weights.files import LockedFile, download, locked_weights
from model_spec import Weights

if TYPE_CHECKING:
    from torch import nn

_WEIGHTS_FILE = "model.safetensors"


class TimmModel(Source):
    """A network by timm's name, with or without the tag of its weights."""

    def __init__(self, name: str, timm_name: str) -> None:
        super().__init__(name)
        self._timm_name = timm_name

    @cached_property
    def description(self) -> Description:
        """As timm's own evaluation prepares images for the pretrained weights."""
        return Description(
            preprocessing=preprocessing_of(self._config, f"timm {self._tagged}"),
            assumed=True,
            labels=labels_of(self._config),
        )

    def published(self) -> tuple[Path, Weights]:
        """The pretrained weights, from the Hugging Face hub or their publisher's site."""
        config = self._config
        if config["hf_hub_id"]:
            file = config["hf_hub_filename"] or _WEIGHTS_FILE
            path = hub_file(config["hf_hub_id"], file)
        elif config["url"]:
            path = download(config["url"])
        else:
            raise ConversionError(
                f"timm has no weights of {self._tagged}; give your own with --weights"
            )
        lock = LockedFile(path.name, f"timm {self._tagged}", config["url"], config["license"])
        return path, locked_weights(path, lock)

    def build(self, classes: int) -> "nn.Module":
        """The network with random weights."""
        network: nn.Module = self._create(pretrained=False, num_classes=classes)
        return network

    def build_published(self, path: Path) -> "nn.Module":
        """Loaded by timm, which knows other names of tensors in the publishers' files."""
        network: nn.Module = self._create(
            pretrained=True, pretrained_cfg_overlay={"file": str(path)}
        )
        return network

    def facts(self) -> list[object]:
        """Preprocessing and labels, which a later timm may correct."""
        description = self.description
        return [description.preprocessing.model_dump_json(), description.labels]

    def _create(self, **options: object) -> Any:
        # Reading the config refuses an unknown name.
        assert self._config
        return extra("timm").create_model(self._timm_name, **options)

    @cached_property
    def _config(self) -> dict[str, Any]:
        """timm's pretrained config, with every key."""
        timm = extra("timm")
        known = timm.list_pretrained()
        if not timm.is_model(self._timm_name):
            raise ConversionError(
                f"timm has no model {self._timm_name!r}{self._near(timm.list_models() + known)}"
            )
        try:
            found = timm.get_pretrained_cfg(self._timm_name, allow_unregistered=False)
        except RuntimeError as error:
            raise ConversionError(
                f"timm knows no weights {self._timm_name!r}{self._near(known)}"
            ) from error
        config: dict[str, Any] = vars(found)
        return config

    def _near(self, names: list[str]) -> str:
        near = difflib.get_close_matches(self._timm_name, names, n=3)
        return f"; did you mean timm/{', timm/'.join(near)}?" if near else ""

    @property
    def _tagged(self) -> str:
        return ".".join(
            part for part in (self._config["architecture"], self._config["tag"]) if part
        )
