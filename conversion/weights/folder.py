"""The weights in a folder: one file, or several with an index from tensors to files."""

import hashlib
import json
from pathlib import Path

from conversion.errors import ConversionError, listed
from model_spec import sha256_of_file

INDEX_SUFFIX = ".safetensors.index.json"
PICKLED = "pytorch_model.bin"

_SAFETENSORS = ("model.safetensors", f"model{INDEX_SUFFIX}")
_PICKLED_INDEX = f"{PICKLED}.index.json"

# Folders of checkpoints, as transformers' Trainer names them.
_CHECKPOINTS = "checkpoint-*"

SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".bin")
"""Of files with weights."""


def weights_in(folder: Path) -> Path:
    """The file, or the index of files, with the weights, as ``save_pretrained`` names them.

    Raises:
        ConversionError: there is none; the message says what to give instead.
    """
    found = safetensors_in(folder)
    if found is not None:
        return found
    if (folder / PICKLED).is_file():
        return folder / PICKLED
    if (folder / _PICKLED_INDEX).is_file():
        raise ConversionError(
            f"{folder} holds pickled weights in several files, which are not read together; "
            "save them as safetensors: model.save_pretrained(FOLDER)"
        )
    candidates = [each for each in sorted(folder.glob(_CHECKPOINTS)) if each.is_dir()]
    candidates += [each for each in sorted(folder.iterdir()) if each.suffix in SUFFIXES]
    if candidates:
        names = listed([*map(str, candidates)])
        raise ConversionError(f"{folder} is a folder; give what is meant in it: {names}")
    raise ConversionError(
        f"{folder} is a folder without weights: no file ends with {', '.join(SUFFIXES)}"
    )


def safetensors_in(folder: Path) -> Path | None:
    """The file of the weights, or the index of several; None if there are no safetensors."""
    files = (folder / name for name in _SAFETENSORS)
    return next((file for file in files if file.is_file()), None)


def shards_of(index: Path) -> list[Path]:
    """The files that an index names, in the order of their names.

    Raises:
        ConversionError: the index cannot be read, or one of them is not there.
    """
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        files = [index.parent / str(name) for name in sorted(names)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConversionError(f"{index.name} is no index of safetensors") from error
    for file in files:
        # Only of the same folder: an index may come from anywhere.
        if file.parent != index.parent or file.name in {"", ".."} or not file.is_file():
            raise ConversionError(f"{index.name} names {file.name}, which is not beside it")
    return files


def sha256_of_shards(files: list[Path]) -> str:
    """One sha256 for several files: the hash of their hashes, in order."""
    hashes = [sha256_of_file(file) for file in files]
    return hashlib.sha256("".join(hashes).encode()).hexdigest() if len(hashes) > 1 else hashes[0]
