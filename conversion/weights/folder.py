"""A folder that is given as weights: which file in it is meant."""

from pathlib import Path

from conversion.errors import ConversionError
from conversion.weights.safetensors_folder import weights_of

_PICKLED = "pytorch_model.bin"
_PICKLED_INDEX = f"{_PICKLED}.index.json"

# As training names the folders of its checkpoints.
_CHECKPOINTS = "checkpoint-*"

_SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".bin")
_LISTED = 5


def weights_in(folder: Path) -> Path:
    """The file, or the index of files, with the weights, as ``save_pretrained`` names them.

    Raises:
        ConversionError: there is none; says what to give instead.
    """
    found = weights_of(folder)
    if found is not None:
        return found
    if (folder / _PICKLED).is_file():
        return folder / _PICKLED
    if (folder / _PICKLED_INDEX).is_file():
        raise ConversionError(
            f"{folder} holds pickled weights in several files, which are not read together; "
            "save them as safetensors: model.save_pretrained(FOLDER)"
        )
    candidates = [each for each in sorted(folder.glob(_CHECKPOINTS)) if each.is_dir()]
    candidates += [each for each in sorted(folder.iterdir()) if each.suffix in _SUFFIXES]
    if candidates:
        names = ", ".join(str(each) for each in candidates[:_LISTED])
        raise ConversionError(f"{folder} is a folder; give what is meant in it: {names}")
    raise ConversionError(
        f"{folder} is a folder without weights: no file ends with {', '.join(_SUFFIXES)}"
    )
