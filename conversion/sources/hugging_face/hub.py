"""Files from the Hugging Face hub, downloaded unless the local cache has them.

Both functions raise ConversionError if that fails, with the reason in one line.
"""

from pathlib import Path

from conversion.errors import ConversionError, first_line
from conversion.sources.source import extra

_READ = ["*.json", "*.safetensors"]

# The hub's own errors are OSErrors, and ValueErrors for impossible names.
_ERRORS = (OSError, ValueError)


def hub_file(repository: str, file: str) -> Path:
    """A file of a repository."""
    hub = extra("huggingface_hub")
    try:
        return Path(hub.hf_hub_download(repository, file))
    except _ERRORS as error:
        raise ConversionError(
            f"cannot download {file} of {repository} from the Hugging Face hub "
            f"({first_line(error)}); download it elsewhere, and give it with --weights"
        ) from error


def hub_folder(repository: str) -> Path:
    """The configs and the safetensors of a repository."""
    hub = extra("huggingface_hub")
    try:
        return Path(hub.snapshot_download(repository, allow_patterns=_READ))
    except _ERRORS as error:
        raise ConversionError(
            f"no folder {repository}, and nothing of that name can be downloaded from the "
            f"Hugging Face hub ({first_line(error)})"
        ) from error
