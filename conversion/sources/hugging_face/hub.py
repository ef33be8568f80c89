"""Files from the Hugging Face hub."""

from pathlib import Path

from conversion.errors import ConversionError
from conversion.sources.source import extra

_READ = ["*.json", "*.safetensors"]


def hub_file(repository: str, file: str) -> Path:
    """A file of a repository, downloaded unless the local cache has it.

    Raises:
        ConversionError: it cannot be had; says why in one line.
    """
    hub = extra("huggingface_hub")
    try:
        return Path(hub.hf_hub_download(repository, file))
    except (OSError, ValueError) as error:
        # The hub's own errors are OSErrors, and ValueErrors for impossible names.
        reason = str(error).strip().split("\n")[0]
        raise ConversionError(
            f"cannot download {file} of {repository} from the Hugging Face hub ({reason}); "
            "where it can be had, download it; then give it with --weights"
        ) from error


def hub_folder(repository: str) -> Path:
    """The configs and the safetensors of a repository, downloaded unless the cache has them.

    Raises:
        ConversionError: they cannot be had; says why in one line.
    """
    hub = extra("huggingface_hub")
    try:
        return Path(hub.snapshot_download(repository, allow_patterns=_READ))
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ConversionError(
            f"no folder {repository}, and nothing of that name can be downloaded from the "
            f"Hugging Face hub ({reason})"
        ) from error
