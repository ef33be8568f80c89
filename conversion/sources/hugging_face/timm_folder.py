"""A folder as ``timm.models.save_for_hf`` and ``push_to_hf_hub`` write it."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conversion.errors import ConversionError, refusing
from conversion.sources.source import Description, Source, extra
from conversion.sources.timm_config import labels_of, preprocessing_of
from conversion.weights.files import own_weights
from conversion.weights.folder import weights_in
from model_spec import Weights

if TYPE_CHECKING:
    from torch import nn

ARCHITECTURE = "architecture"
"""Key of timm's ``config.json``."""

_CONFIG = "pretrained_cfg"


class TimmFolder(Source):
    """A network of timm in a folder with the weights and the ``content`` of ``config.json``."""

    def __init__(self, name: str, folder: Path, content: dict[str, Any]) -> None:
        super().__init__(name)
        self._folder = folder
        self._content = content

    @cached_property
    def description(self) -> Description:
        """From the pretrained config that was saved."""
        config = self._config
        labels = labels_of(config)
        if labels is not None and len(labels) != self._classes:
            raise ConversionError(
                f"{self.name} has {len(labels)} label_names and {self._classes} classes; "
                "give --labels with one for each"
            )
        return Description(
            preprocessing=preprocessing_of(config, f"{self.name}, {_CONFIG} of timm"),
            assumed=False,
            labels=labels,
            classes=None if labels else self._classes,
        )

    def published(self) -> tuple[Path, Weights]:
        """The weights in the folder."""
        path = weights_in(self._folder)
        _, weights = own_weights(str(path))
        return path, weights.model_copy(update={"source": self.name})

    def build(self, classes: int) -> "nn.Module":
        """The network with random weights."""
        timm = extra("timm")
        name = self._content[ARCHITECTURE]
        arguments = {**self._content.get("model_args", {}), "num_classes": classes}
        known = vars(timm.models.PretrainedCfg()).keys()
        config = {key: value for key, value in self._config.items() if key in known}
        channels = config.get("input_size", [None])[0]
        # Networks raise several types for arguments that they do not have.
        with refusing(f"timm {timm.__version__} cannot make {name!r} of {self.name}"):
            network: nn.Module = timm.create_model(
                name, pretrained=False, pretrained_cfg=config, **{"in_chans": channels, **arguments}
            )
        return network

    def facts(self) -> list[object]:
        """The config."""
        return [self._content]

    @property
    def _config(self) -> dict[str, Any]:
        """The pretrained config and the keys beside it; old files have only one object."""
        beside = {
            key: self._content[key]
            for key in (ARCHITECTURE, "num_classes", "label_names")
            if key in self._content
        }
        if "labels" in self._content:
            beside["label_names"] = self._content["labels"]
        return {**self._content.get(_CONFIG, self._content), **beside}

    @property
    def _classes(self) -> int:
        classes = self._config.get("num_classes")
        if not isinstance(classes, int) or classes < 1:
            raise ConversionError(f"{self.name} is no classifier: its num_classes is {classes}")
        return classes
