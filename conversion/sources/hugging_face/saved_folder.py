"""``hf:FOLDER`` or ``hf:NAME`` of the Hugging Face hub: saved by transformers, or by timm."""

import json
from pathlib import Path
from typing import Any

from conversion.errors import ConversionError, refusing
from conversion.sources.hugging_face.hub import hub_folder
from conversion.sources.hugging_face.timm_folder import ARCHITECTURE, TimmFolder
from conversion.sources.hugging_face.transformers_folder import CONFIG, TransformersFolder
from conversion.sources.source import Source

PREFIX = "hf:"

_ADAPTER = "adapter_config.json"


def saved_folder(name: str) -> Source:
    """The source for a folder, by the library that has written its ``config.json``.

    Args:
        name: ``hf:`` and a folder, or a repository of the hub, which is downloaded.

    Raises:
        ConversionError: there is no such folder, or no network in it.
    """
    location = name.removeprefix(PREFIX).rstrip("/")
    folder = Path(location)
    if folder.is_dir():
        # The path of a folder is private: the model is named after the folder alone.
        name = f"{PREFIX}{folder.resolve().name}"
    else:
        folder = hub_folder(location)
    content = _content(folder / CONFIG, name)
    # Networks of transformers have a model_type; its wrapper of timm networks has both.
    if ARCHITECTURE in content and "model_type" not in content:
        return TimmFolder(name, folder, content)
    return TransformersFolder(name, folder)


def _content(config: Path, name: str) -> dict[str, Any]:
    if not config.is_file():
        if (config.parent / _ADAPTER).is_file():
            raise ConversionError(
                f"{name} holds an adapter of PEFT, not a network; save the whole with "
                "model.merge_and_unload().save_pretrained(FOLDER)"
            )
        raise ConversionError(f"{name} has no {CONFIG}; save_pretrained writes it")
    with refusing(f"{name}: {CONFIG} cannot be read"):
        content: object = json.loads(config.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ConversionError(f"{name}: {CONFIG} must hold a JSON object")
    return content
