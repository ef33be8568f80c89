"""Hugging Face transformers' image classifiers: ``hf:FOLDER`` or ``hf:NAME`` of the hub.

Weights are read from safetensors only, and no code of a repository is run.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conversion.errors import ConversionError
from conversion.sources.hub import hub_folder
from conversion.sources.image_processor import check_pixels, preprocessing_of
from conversion.sources.source import Description, Source, extra
from conversion.weights.safetensors_folder import sha256_of_shards, shards
from model_spec import Activation, Weights

if TYPE_CHECKING:
    from torch import nn

PREFIX = "hf:"

_CONFIG = "config.json"
_PROCESSOR = "preprocessor_config.json"
_PICKLED = "pytorch_model.bin"

# What a config calls its problem, and what makes probabilities of the logits then.
_ACTIVATIONS = {
    None: Activation.SOFTMAX,
    "single_label_classification": Activation.SOFTMAX,
    "multi_label_classification": Activation.SIGMOID,
}


class TransformersModel(Source):
    """An image classifier that ``save_pretrained`` wrote.

    Args:
        name: ``hf:`` and a folder, or a repository of the hub.
    """

    def __init__(self, name: str) -> None:
        self._location = name.removeprefix(PREFIX).rstrip("/")
        folder = Path(self._location)
        # Where a folder lies is nobody's business: the model is known by its last name.
        super().__init__(f"{PREFIX}{folder.resolve().name}" if folder.is_dir() else name)

    @cached_property
    def description(self) -> Description:
        """From ``config.json`` and ``preprocessor_config.json``."""
        config = self._config
        if config.problem_type not in _ACTIVATIONS:
            raise ConversionError(
                f"{self.name} is no classifier: its problem_type is {config.problem_type!r}"
            )
        processor = self._processor()
        preprocessing = preprocessing_of(processor, config, f"{self.name}, {_PROCESSOR}")
        check_pixels(processor, preprocessing)
        return Description(
            preprocessing=preprocessing,
            assumed=False,
            labels=tuple(str(config.id2label[number]) for number in sorted(config.id2label)),
            activation=_ACTIVATIONS[config.problem_type],
        )

    def published(self) -> tuple[Path, Weights]:
        """The folder, whose safetensors are read."""
        files = shards(self._folder)
        if not files:
            pickled = self._folder / _PICKLED
            hint = f"; its {_PICKLED} is read with --weights {pickled}" if pickled.exists() else ""
            raise ConversionError(f"{self.name} has no safetensors{hint}")
        return self._folder, Weights(
            pretrained=True, source=self.name, sha256=sha256_of_shards(files), licence=None
        )

    def build(self, classes: int) -> "nn.Module":
        """The network with random weights."""
        config = self._config
        config.num_labels = classes
        network: nn.Module = self._auto_model().from_config(config, trust_remote_code=False)
        return network.float()

    def build_published(self, path: Path) -> "nn.Module":
        """With transformers' own loading, which renames what old files name otherwise."""
        import torch

        try:
            network, found = self._auto_model().from_pretrained(
                path,
                config=self._config,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise ConversionError(f"{self.name} cannot be loaded ({_first_line(error)})") from error
        missing = sorted(found["missing_keys"])
        if missing:
            raise ConversionError(
                f"{self.name} does not have all weights of the network; missing: "
                f"{', '.join(missing[:_LISTED])}{', …' if len(missing) > _LISTED else ''}"
            )
        built: nn.Module = network
        return built

    def facts(self) -> list[object]:
        """The two configs."""
        files = (self._folder / _CONFIG, self._folder / _PROCESSOR)
        return [file.read_text(encoding="utf-8") for file in files if file.exists()]

    @cached_property
    def _folder(self) -> Path:
        folder = Path(self._location)
        if not folder.is_dir():
            folder = hub_folder(self._location)
        if not (folder / _CONFIG).is_file():
            raise ConversionError(f"{self.name} has no {_CONFIG}; save_pretrained writes it")
        return folder

    @property
    def _config(self) -> Any:
        """A fresh one: a network may change it."""
        return self._read("AutoConfig")

    def _processor(self) -> Any:
        if not (self._folder / _PROCESSOR).is_file():
            raise ConversionError(
                f"{self.name} has no {_PROCESSOR}; save it there with "
                "AutoImageProcessor.from_pretrained(BASE_MODEL).save_pretrained(FOLDER)"
            )
        return self._read("AutoImageProcessor")

    def _read(self, kind: str) -> Any:
        try:
            return getattr(extra("transformers"), kind).from_pretrained(
                self._folder, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError) as error:
            raise ConversionError(f"{self.name} cannot be read ({_first_line(error)})") from error

    def _auto_model(self) -> Any:
        transformers = extra("transformers")
        transformers.utils.logging.disable_progress_bar()
        return transformers.AutoModelForImageClassification


_LISTED = 5


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
