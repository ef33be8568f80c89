"""Weights files: found or downloaded, verified before use, loaded without running code.

What is known of a published file stands in ``weights/weights.lock.json``. Where it has
no sha256 (the file could not be had when the lock was written), torchvision's own check
is made instead: the first digits of the sha256, which are part of the file's name.
"""

import hashlib
import json
import logging
import re
import shutil
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from conversion.errors import ConversionError
from model_spec import Weights, sha256_of_file

if TYPE_CHECKING:
    import torch

logger = logging.getLogger("image_classifier.conversion")

WEIGHTS_FOLDER = Path(__file__).parent.parent / "weights"
LOCK_FILE = WEIGHTS_FOLDER / "weights.lock.json"

# Where torch.hub puts files below the folder that torch.hub.set_dir names.
DOWNLOADS = WEIGHTS_FOLDER / "checkpoints"

_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.")
_MIB = 1024 * 1024

# Under which training checkpoints keep the state_dict.
_CHECKPOINT_KEYS = ("state_dict", "model_state_dict", "model")

_LISTED_KEYS = 5
_URL_DIGITS = 8


@dataclass(frozen=True)
class LockedFile:
    """A published weights file.

    Attributes:
        file: its name.
        source: who publishes it.
        url: where it is downloaded from; None if a package brings it.
        licence: None where the publisher states none.
        size_mib: in MiB, to two decimals; None where unknown.
        sha256: None where it is not known in full.
    """

    file: str
    source: str
    url: str | None
    licence: str | None
    size_mib: float | None = None
    sha256: str | None = None


def locked(architecture: str) -> LockedFile | None:
    """The lock's entry of an architecture, if it has one."""
    entries = json.loads(LOCK_FILE.read_text(encoding="utf-8"))
    return LockedFile(**entries[architecture]) if architecture in entries else None


def download(url: str, folder: Path | None = None) -> Path:
    """A weights file from the web, kept under ``weights/``; an earlier download is used again.

    Args:
        url: of the file.
        folder: to keep it in; torch.hub's by default.

    Raises:
        ConversionError: it cannot be had; names the file and where to put it.
    """
    target = (folder or DOWNLOADS) / Path(urlsplit(url).path).name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        logger.info("downloading %s", url)
        try:
            _fetch(url, target)
        except (OSError, HTTPException) as error:
            raise ConversionError(
                f"cannot download {url} ({error}); put that file at {_short(target)} "
                "and run the command again"
            ) from error
    return target


def _fetch(url: str, target: Path) -> None:
    """Not with torch.hub's function, which keeps half a file when the connection breaks."""
    partial = target.with_name(f"{target.name}.partial")
    request = urllib.request.Request(url, headers={"User-Agent": "torch.hub"})  # noqa: S310
    try:
        with urllib.request.urlopen(request) as response, partial.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(response, file)
            announced = response.headers["Content-Length"]
        arrived = partial.stat().st_size
        if announced and arrived != int(announced):
            raise OSError(f"only {arrived} of {announced} bytes arrived")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def verified(path: Path, lock: LockedFile | None) -> str:
    """The sha256 of a weights file, after it was checked.

    Args:
        path: of the file.
        lock: what is known of it; None for a user's own file.

    Raises:
        ConversionError: it is not the file that its name or the lock promises.
    """
    sha256 = sha256_of_file(path)
    if lock and lock.size_mib and round(path.stat().st_size / _MIB, 2) != lock.size_mib:
        raise ConversionError(
            f"{_short(path)} has {path.stat().st_size} bytes, the lock says {lock.size_mib} MiB; "
            "delete it and try again"
        )
    # Digits in the name of a user's own file may just as well be a date.
    expected = (lock.sha256 or _hash_in_name(path)) if lock else None
    if expected and not sha256.startswith(expected):
        raise ConversionError(
            f"{_short(path)} has sha256 {sha256[:16]}…, expected {expected[:16]}…; "
            "delete it and try again"
        )
    return sha256


def own_weights(location: str) -> tuple[Path, Weights]:
    """A user's weights file, from a path or an URL.

    Raises:
        ConversionError: it cannot be had.
    """
    if "://" in location:
        # A folder per URL: others may have a file of the same name.
        digest = hashlib.sha256(location.encode()).hexdigest()
        path = download(location, DOWNLOADS / digest[:_URL_DIGITS])
    else:
        path = Path(location)
    if not path.is_file():
        raise ConversionError(f"no weights file {location}")
    source = location if "://" in location else path.name
    sha256 = verified(path, None)
    return path, Weights(pretrained=True, source=source, sha256=sha256, licence=None)


def load_state_dict(path: Path) -> "dict[str, torch.Tensor]":
    """Read a ``state_dict`` from ``.safetensors`` or a torch file, never running its code.

    The entry of a training checkpoint that holds it and the ``module.`` prefix that
    DataParallel adds are looked through.

    Raises:
        ConversionError: the file holds anything but tensors by name.
    """
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            content: object = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch and safetensors raise many types for what they cannot read.
        raise _not_a_state_dict(path, type(error).__name__) from error
    if isinstance(content, dict):
        nested = (content[key] for key in _CHECKPOINT_KEYS if isinstance(content.get(key), dict))
        content = next(nested, content)
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    ):
        raise _not_a_state_dict(path, "it holds more than named tensors")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


def _not_a_state_dict(path: Path, reason: str) -> ConversionError:
    return ConversionError(
        f"{path.name} is not a state_dict ({reason}); save one with "
        "torch.save(model.state_dict(), FILE)"
    )


def fill(
    network: "torch.nn.Module", state: "dict[str, torch.Tensor]", file: str, classes: int
) -> None:
    """Load a ``state_dict`` into a network.

    Args:
        network: to load into.
        state: tensors by name.
        file: where they came from.
        classes: how many labels there are.

    Raises:
        ConversionError: names or shapes differ; lists them.
    """
    expected = network.state_dict()
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    shapes = {
        name: (tensor.shape, state[name].shape)
        for name, tensor in expected.items()
        if name in state and state[name].shape != tensor.shape
    }
    if expected.keys() == state.keys():
        _check_classes(list(shapes.values()), file, classes)
    problems = {
        "missing": sorted(expected.keys() - state.keys() - counters),
        "unexpected": sorted(state.keys() - expected.keys()),
        "of another shape": [
            f"{name} {list(found)} instead of {list(wanted)}"
            for name, (wanted, found) in shapes.items()
        ],
    }
    if any(problems.values()):
        listed = "; ".join(f"{what}: {_listed(names)}" for what, names in problems.items() if names)
        raise ConversionError(f"{file} does not fit the network; {listed}")
    network.load_state_dict(state, strict=False)


def _check_classes(shapes: "list[tuple[torch.Size, torch.Size]]", file: str, classes: int) -> None:
    """If all that differs is how many classes the last layer tells apart, say just that.

    Args:
        shapes: wanted and found, of the tensors in which they differ.
        file: where the tensors came from.
        classes: how many labels there are.
    """
    lengths = {(wanted[:1], found[:1]) for wanted, found in shapes}
    if len(lengths) == 1:
        ((wanted, found),) = lengths
        if tuple(wanted) == (classes,) and found:
            raise ConversionError(
                f"{classes} labels do not fit {file}, which tells {found[0]} classes apart; "
                "give --labels with one for each"
            )


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_LISTED_KEYS])
    hidden = len(names) - _LISTED_KEYS
    return f"{shown} and {hidden} more" if hidden > 0 else shown


def _hash_in_name(path: Path) -> str | None:
    match = _HASH_IN_NAME.search(path.name)
    return match.group(1) if match else None


def _short(path: Path) -> str:
    """The path as a user of the project folder would type it."""
    try:
        return str(path.relative_to(WEIGHTS_FOLDER.parent))
    except ValueError:
        return path.name
