"""Weights files: found or downloaded, and verified before use.

``weights/weights.lock.json`` has the facts of published files. If it has no sha256, since the file
could not be downloaded when the lock was written, torchvision's own check is made: the first digits
of the sha256 are part of the file's name.
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
from urllib.parse import urlsplit

from conversion.errors import ConversionError
from conversion.weights.folder import INDEX_SUFFIX, sha256_of_shards, shards_of, weights_in
from model_spec import Weights, sha256_of_file

logger = logging.getLogger("image_classifier.conversion")

WEIGHTS_FOLDER = Path(__file__).parent.parent.parent / "weights"
LOCK_FILE = WEIGHTS_FOLDER / "weights.lock.json"

# Where torch.hub puts files below the folder that torch.hub.set_dir names.
DOWNLOADS = WEIGHTS_FOLDER / "checkpoints"

_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.")
_MIB = 1024 * 1024

_URL_DIGITS = 8


@dataclass(frozen=True)
class LockedFile:
    """A published weights file.

    Attributes:
        url: where it is downloaded from; None if it is in a package.
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
        folder: to keep it in; torch.hub's by default.

    Raises:
        ConversionError: the download failed; names the file and where to put it.
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
    """Download a file; torch.hub's function would keep half of it if the connection breaks."""
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


def locked_weights(path: Path, lock: LockedFile) -> Weights:
    """Check a published file, and describe it.

    Raises:
        ConversionError: it is not the file of the lock or of its name.
    """
    sha256 = sha256_of_file(path)
    if lock.size_mib and round(path.stat().st_size / _MIB, 2) != lock.size_mib:
        raise ConversionError(
            f"{_short(path)} has {path.stat().st_size} bytes, the lock says {lock.size_mib} MiB; "
            "delete it and try again"
        )
    in_name = _HASH_IN_NAME.search(path.name)
    expected = lock.sha256 or (in_name and in_name.group(1))
    if expected and not sha256.startswith(expected):
        raise ConversionError(
            f"{_short(path)} has sha256 {sha256[:16]}…, expected {expected[:16]}…; "
            "delete it and try again"
        )
    return Weights(pretrained=True, source=lock.source, sha256=sha256, licence=lock.licence)


def own_weights(location: str) -> tuple[Path, Weights]:
    """A user's weights file, from a path, a folder or a URL.

    Raises:
        ConversionError: it does not exist, or cannot be downloaded.
    """
    if "://" in location:
        # A folder per URL: others may have a file of the same name.
        digest = hashlib.sha256(location.encode()).hexdigest()
        path = download(location, DOWNLOADS / digest[:_URL_DIGITS])
    else:
        path = Path(location)
    folder = path.resolve().name if path.is_dir() else None
    if folder:
        path = weights_in(path)
    if not path.is_file():
        raise ConversionError(f"no weights file {location}")
    # The path of a file is private. A file in a folder is named after both, since all such files
    # have the same name.
    source = location if "://" in location else f"{folder}/{path.name}" if folder else path.name
    # Digits in the name are not taken for a hash here: they may be a date.
    files = shards_of(path) if path.name.endswith(INDEX_SUFFIX) else [path]
    sha256 = sha256_of_shards(files)
    return path, Weights(pretrained=True, source=source, sha256=sha256, licence=None)


def _short(path: Path) -> str:
    """The path as a user of the project folder would type it."""
    try:
        return str(path.relative_to(WEIGHTS_FOLDER.parent))
    except ValueError:
        return path.name
