"""A folder of an image classifier as ``save_pretrained`` of transformers writes it.

Weights are read from safetensors only, and no code of a repository is run.
"""

from collections.abc import Container
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conversion.errors import ConversionError, listed, refusing
from conversion.sources.hugging_face.image_processor import check_pixels, preprocessing_of
from conversion.sources.source import USUAL_SIDE, Description, Source, extra, imagenet
from conversion.weights.file_kind import format_of
from conversion.weights.files import own_weights
from conversion.weights.folder import PICKLED, safetensors_in
from model_spec import Activation, Channels, Preprocessing, Size, Weights

if TYPE_CHECKING:
    from torch import nn

    from conversion.weights.checkpoint import Entries

CONFIG = "config.json"
"""Of every saved folder, by transformers or by timm."""
_PROCESSOR = "preprocessor_config.json"

# The activation for each problem_type of a config.
_ACTIVATIONS = {
    None: Activation.SOFTMAX,
    "single_label_classification": Activation.SOFTMAX,
    "multi_label_classification": Activation.SIGMOID,
}


class TransformersFolder(Source):
    """An image classifier of transformers in a folder that ``save_pretrained`` wrote."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self._folder = folder

    @cached_property
    def description(self) -> Description:
        """From ``config.json`` and ``preprocessor_config.json``."""
        config = self._config
        if config.problem_type not in _ACTIVATIONS:
            raise ConversionError(
                f"{self.name} is no classifier: its problem_type is {config.problem_type!r}"
            )
        names = config.id2label
        one_output = len(names) == 1
        known = (self._folder / _PROCESSOR).is_file()
        return Description(
            preprocessing=self._preprocessing(config) if known else _usual(config),
            assumed=False,
            labels=None if one_output else tuple(str(names[each]) for each in sorted(names)),
            classes=1 if one_output else None,
            activation=_ACTIVATIONS[config.problem_type],
            unknown=None if known else self._without_processor,
        )

    def published(self) -> tuple[Path, Weights]:
        """The folder, whose safetensors are read."""
        safetensors = safetensors_in(self._folder)
        if safetensors is None:
            pickled = self._folder / PICKLED
            hint = f"; its {PICKLED} is read with --weights {pickled}" if pickled.exists() else ""
            raise ConversionError(f"{self.name} has no safetensors{hint}")
        _, weights = own_weights(str(safetensors))
        return self._folder, weights.model_copy(update={"source": self.name})

    def build(self, classes: int) -> "nn.Module":
        """The network with random weights."""
        config = self._config
        config.num_labels = classes
        network: nn.Module = self._auto_model().from_config(config, trust_remote_code=False)
        return network.float()

    def build_published(self, path: Path) -> "nn.Module":
        """Loaded by transformers, which knows other names of tensors in old files."""
        import torch

        for file in sorted(path.glob("*.safetensors")):
            if isinstance(kind := format_of(file), str):
                raise ConversionError(f"{self.name}: {file.name} is {kind}")
        # safetensors and the networks raise many types.
        with refusing(f"{self.name} cannot be loaded"):
            network, found = self._auto_model().from_pretrained(
                path,
                config=self._config,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
        if found["mismatched_keys"]:
            name, saved, expected = sorted(found["mismatched_keys"])[0]
            raise ConversionError(
                f"{self.name}: {CONFIG} and the weights do not fit: {name} is {list(saved)}, by "
                f"{CONFIG}, whose id2label has {len(self._config.id2label)} classes, "
                f"{list(expected)}"
            )
        if found["missing_keys"]:
            raise ConversionError(
                f"{self.name} does not have all weights of the network; missing: "
                f"{listed(sorted(found['missing_keys']))}"
            )
        built: nn.Module = network
        return built

    def renamed(self, network: "nn.Module", entries: "Entries") -> "Entries":
        """transformers 5 has new names for tensors; its files have the old ones."""
        from transformers import conversion_mapping, core_model_loading

        mapping = conversion_mapping.get_model_conversion_mapping(network)
        rules = [each for each in mapping if isinstance(each, core_model_loading.WeightRenaming)]
        rename, known = core_model_loading.apply_renamings, network.state_dict()
        return {
            entry: {
                name if _is_known(name, known) else rename(name, rules): tensor
                for name, tensor in tensors.items()
            }
            for entry, tensors in entries.items()
        }

    def facts(self) -> list[object]:
        """The two configs."""
        files = (self._folder / CONFIG, self._folder / _PROCESSOR)
        return [file.read_text(encoding="utf-8") for file in files if file.exists()]

    @property
    def _config(self) -> Any:
        """A new one each time, since a network may change it."""
        return self._read("AutoConfig")

    def _preprocessing(self, config: Any) -> Preprocessing:
        processor = self._read("AutoImageProcessor")
        found = preprocessing_of(processor, config, f"{self.name}, {_PROCESSOR}")
        check_pixels(processor, found)
        return found

    @property
    def _without_processor(self) -> str:
        return (
            f"{self.name} has no {_PROCESSOR}; save it there with "
            "AutoImageProcessor.from_pretrained(BASE_MODEL).save_pretrained(FOLDER), or say how "
            "it was trained: --resize, --crop, --mean, --std, --interpolation or --preprocessing"
        )

    def _read(self, kind: str) -> Any:
        library = getattr(extra("transformers"), kind)
        # transformers raises many types for files that it did not write.
        with refusing(f"{self.name} cannot be read"):
            return library.from_pretrained(
                self._folder, local_files_only=True, trust_remote_code=False
            )

    def _auto_model(self) -> Any:
        transformers = extra("transformers")
        transformers.utils.logging.disable_progress_bar()
        return transformers.AutoModelForImageClassification


def _usual(config: Any) -> Preprocessing:
    """ImageNet's, at the size of the network's input."""
    side = getattr(config, "image_size", None)
    channels = Channels.GREY if getattr(config, "num_channels", None) == 1 else Channels.RGB
    known = isinstance(side, int | list | tuple)
    return imagenet(Size.model_validate(side if known else USUAL_SIDE), channels)


def _is_known(name: str, known: Container[str]) -> bool:
    """Whether a tensor's name, perhaps behind a prefix, is one of the network's."""
    parts = name.split(".")
    return any(".".join(parts[start:]) in known for start in range(len(parts)))
