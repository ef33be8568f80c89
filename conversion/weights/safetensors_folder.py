"""A folder of safetensors: one file, or several with an index that says which tensor is where."""

import hashlib
import json
from pathlib import Path

from conversion.errors import ConversionError
from model_spec import sha256_of_file

INDEX_SUFFIX = ".safetensors.index.json"

_SINGLE = "model.safetensors"
_INDEX = f"model{INDEX_SUFFIX}"


def sha256_of_shards(files: list[Path]) -> str:
    """One sha256 for the weights of several files: of the files' own, in their order."""
    hashes = [sha256_of_file(file) for file in files]
    return hashlib.sha256("".join(hashes).encode()).hexdigest() if len(hashes) > 1 else hashes[0]


def weights_of(folder: Path) -> Path | None:
    """The file of the weights, or the index of several; None if there are no safetensors."""
    files = (folder / name for name in (_SINGLE, _INDEX))
    return next((file for file in files if file.is_file()), None)


def shards(folder: Path) -> list[Path]:
    """The files with the weights, in the order of their names; none if there are no safetensors.

    Raises:
        ConversionError: an index names a file that is not there.
    """
    found = weights_of(folder)
    if found is None:
        return []
    return shards_of(found) if found.name.endswith(INDEX_SUFFIX) else [found]


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
