"""The photographs of a run, always in the same order.

The input is one of these, as the text of one argument:

- a folder: its photographs and those of all folders below, listed while the first are classified;
- a pattern with ``*``, ``?`` or ``[``, listed as a whole first;
- a text file with a path or URL in each line;
- a Parquet file with a column of paths or URLs, or of the images themselves;
- any of these behind a URL that fsspec knows (``s3://``, ``gs://``, ``az://``, ``https://``).

An entry names one photograph: it is a path, a URL, or ``FILE#ROW`` of a Parquet file.
"""

import glob
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from batch.errors import BatchError
from batch.files import is_photograph

_URL = re.compile(r"[a-z][a-z0-9+.-]+(?:::|://)", re.IGNORECASE)
_MAGIC = re.compile(r"[*?\[]")

_COLUMNS = ("path", "image")  # looked for in a Parquet file with several, unless one is named

IMAGE_FIELD = "bytes"
"""The image's field in a column of structs, as in data sets of Hugging Face."""

Scanned = tuple[str, str, bool]
"""An entry of a folder: its name, its path or URL, whether it is a folder."""


class Kind(StrEnum):
    """Kinds of input."""

    FOLDER = "folder"
    PATTERN = "pattern"
    TEXT = "list of paths"
    PATHS = "Parquet column of paths"
    IMAGES = "Parquet column of images"


@dataclass(frozen=True)
class Source:
    """Where the photographs come from."""

    given: str  # the argument
    kind: Kind
    column: str | None = None  # of a Parquet file; None for others


def is_url(given: str) -> bool:
    """Whether fsspec opens it."""
    return _URL.match(given) is not None


def source_of(given: str, column: str | None = None) -> Source:
    """Find out what kind of input the argument is, and the column of a Parquet file.

    A BatchError if it does not exist, or has no such column.
    """
    if given.endswith(".parquet"):
        name, holds_images = _column(_schema(given), given, column)
        return Source(given, Kind.IMAGES if holds_images else Kind.PATHS, name)
    if column:
        raise BatchError(f"--column is of a .parquet file, which {given} is not")
    if is_url(given):
        return Source(given, _kind_of_url(given))
    if Path(given).is_dir():
        return Source(given, Kind.FOLDER)
    if Path(given).is_file():
        if is_photograph(Path(given).name):
            reason = "is one photograph; give a folder, a pattern or a list of paths"
            raise BatchError(f"{given} {reason}")
        return Source(given, Kind.TEXT)
    if _MAGIC.search(given):
        return Source(given, Kind.PATTERN)
    raise BatchError(f"{given} is neither a folder nor a file")


def entries(source: Source) -> Iterator[str]:
    """Every entry, always in the same order; a BatchError if they cannot be listed."""
    try:
        yield from _LISTED[source.kind](source)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BatchError(f"cannot list {source.given}: {error}") from error


def filesystem_of(url: str) -> tuple[Any, str]:
    """fsspec's file system of a URL, and the path there; a BatchError if there is none."""
    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except (ImportError, ValueError) as error:
        scheme = url.partition(":")[0]
        package = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}.get(scheme)
        mend = f"pip install {package}" if package else f"fsspec does not know {scheme}"
        raise BatchError(f"{url} cannot be opened: {mend}") from error


def _kind_of_url(given: str) -> Kind:
    if _MAGIC.search(given.partition("?")[0] if given.startswith("http") else given):
        return Kind.PATTERN
    return Kind.TEXT if PurePosixPath(given).suffix in (".txt", ".lst") else Kind.FOLDER


def _schema(given: str) -> Any:
    try:
        with _opened(given) as file:
            return pq.read_schema(file)
    except (OSError, pa.ArrowException) as error:
        raise BatchError(f"cannot read {given}: {error}") from error


def _opened(given: str) -> Any:
    filesystem, path = filesystem_of(given)
    return filesystem.open(path, "rb")


def _column(schema: Any, given: str, wanted: str | None) -> tuple[str, bool]:
    """Name of the column, and whether it holds the images."""
    names: list[str] = schema.names
    known = [wanted] if wanted else names if len(names) == 1 else _COLUMNS
    name = next((each for each in known if each in names), None)
    if name is None:
        raise BatchError(f"which column of {given}? --column, of: {', '.join(names)}")
    kind = schema.field(name).type
    if pa.types.is_struct(kind) and kind.get_field_index(IMAGE_FIELD) >= 0:
        kind = kind.field(IMAGE_FIELD).type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return name, True
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return name, False
    raise BatchError(f"the column {name} of {given} holds {kind}, neither paths nor images")


def _folder(source: Source) -> Iterator[str]:
    if not is_url(source.given):
        yield from _walk(source.given, _scan)
        return
    filesystem, path = filesystem_of(source.given)

    def scan(folder: str) -> Iterator[Scanned]:
        inside = filesystem._strip_protocol(folder)
        for each in filesystem.ls(inside, detail=True):
            name = str(each["name"]).rstrip("/")
            if name != inside:  # an object store may have an empty object for the folder
                url = filesystem.unstrip_protocol(name)
                yield PurePosixPath(name).name, url, each["type"] == "directory"

    yield from _walk(path, scan)


def _scan(folder: str) -> Iterator[Scanned]:
    with os.scandir(folder) as found:
        for each in found:
            yield each.name, each.path, each.is_dir(follow_symlinks=False)


def _walk(folder: str, scan: Callable[[str], Iterator[Scanned]]) -> Iterator[str]:
    """Photographs of a folder and below. A folder that cannot be listed is an entry itself, so that
    its row says why."""
    try:
        found = sorted(scan(folder))
    except OSError:
        yield folder
        return
    for name, path, is_folder in found:
        if is_folder and not name.startswith("."):
            yield from _walk(path, scan)
        elif not is_folder and is_photograph(name):
            yield path


def _pattern(source: Source) -> Iterator[str]:
    if is_url(source.given):
        filesystem, path = filesystem_of(source.given)
        found = filesystem.glob(path, detail=True)
        files = [
            name
            for name, about in found.items()
            if about["type"] != "directory" and not PurePosixPath(name).name.startswith(".")
        ]
        yield from sorted(map(filesystem.unstrip_protocol, files))
        return
    # Path.glob takes no absolute patterns.
    found = sorted(glob.iglob(source.given, recursive=True))  # noqa: PTH207
    yield from (each for each in found if not Path(each).is_dir())


def _text(source: Source) -> Iterator[str]:
    options = {"encoding": "utf-8", "errors": "surrogateescape"}
    with fsspec.open(source.given, "r", **options) as file:
        yield from filter(None, (line.rstrip("\r\n") for line in file))


def _paths(source: Source) -> Iterator[str]:
    with _opened(source.given) as file:
        for batch in pq.ParquetFile(file).iter_batches(columns=[source.column]):
            yield from (each or "" for each in batch.column(0).to_pylist())


def _images(source: Source) -> Iterator[str]:
    with _opened(source.given) as file:
        count = pq.ParquetFile(file).metadata.num_rows
    yield from (f"{source.given}#{row}" for row in range(count))


_LISTED: dict[Kind, Callable[[Source], Iterator[str]]] = {
    Kind.FOLDER: _folder,
    Kind.PATTERN: _pattern,
    Kind.TEXT: _text,
    Kind.PATHS: _paths,
    Kind.IMAGES: _images,
}
