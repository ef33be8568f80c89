"""The photographs of a folder, and the class that each one shows.

Labels come from the first of these that the folder has:

1. a CSV file in the folder with the columns ``file`` and ``class_id``, or ``file`` and ``label``;
2. folders that are named after classes: a label, a class id, or a WordNet id with a label behind
   it (``n01484850_great_white_shark``);
3. file names of the latter kind.

A bare WordNet id (``n01484850``, ``n01484850_1234.JPEG``) counts only if there are as many
different ids as classes. Ids and classes then have the same order, as in ImageNet.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch.contact_sheet.labels import ClassNames, Table, table_of, wordnet_ids
from batch.errors import BatchError
from batch.files import SUFFIXES, is_photograph
from conversion.errors import ConversionError

_SHOWN = 5


@dataclass(frozen=True)
class Photograph:
    """One file of the folder.

    Attributes:
        name: its path in the folder, printable.
        class_id: that it shows; None if that is not known.
    """

    path: Path
    name: str
    class_id: int | None


@dataclass(frozen=True)
class LabelledFolder:
    """The photographs of a folder.

    Attributes:
        photographs: in the order of their names.
        source: where the labels come from, in words.
        notes: what was found and not used.
    """

    photographs: tuple[Photograph, ...]
    source: str
    notes: tuple[str, ...] = ()


def read_folder(folder: Path, labels: Sequence[str]) -> LabelledFolder:
    """The photographs of a folder and all below it, without hidden ones.

    Raises:
        ConversionError: there is no such folder, no photograph in it, or the CSV file is unclear.
    """
    if not folder.is_dir():
        raise ConversionError(f"{folder} is no folder")
    paths = set(_images(folder))
    try:
        table = table_of(folder)
    except BatchError as error:
        raise ConversionError(str(error)) from error
    if table:
        found = _labelled_by(table, folder, paths, ClassNames(labels))
    else:
        found = _labelled_by_names(folder, paths, labels)
    if not found.photographs:
        known = " ".join(sorted(SUFFIXES))
        raise ConversionError(f"{folder} has no photographs (files that end with {known})")
    return found


def _images(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if is_photograph(path.name) and not hidden and path.is_file():
            yield path


def _labelled_by(table: Table, folder: Path, paths: set[Path], names: ClassNames) -> LabelledFolder:
    by_path = {folder / file: name for file, name in table.classes.items() if file}
    there = {path for path in by_path if path in paths or path.is_file()}
    find = names.by_id if table.column == "class_id" else names.by_any
    photographs = _photographs(
        folder, ((path, find(by_path.get(path, ""))) for path in paths | there)
    )
    lost = [name for name in by_path.values() if name and find(name) is None]
    missing = [_printable(path, folder) for path in by_path.keys() - there]
    notes = [
        *_note(f"{table.column} in {table.path.name} that the model does not have", lost),
        *_note(f"files that {table.path.name} names and that are not there", missing),
    ]
    return LabelledFolder(photographs, f"{table.path.name}, column {table.column}", tuple(notes))


def _labelled_by_names(folder: Path, paths: set[Path], labels: Sequence[str]) -> LabelledFolder:
    inside = {path: path.relative_to(folder) for path in paths}
    names = ClassNames(labels, set[str]().union(*map(wordnet_ids, inside.values())))
    by_folder = {path: names.by_folder(inside[path]) for path in paths}
    by_file = {path: names.by_wordnet(path.stem) for path in paths if by_folder[path] is None}
    photographs = _photographs(folder, (by_folder | by_file).items())
    named = {"folders named after classes": by_folder, "file names of ImageNet": by_file}
    sources = [words for words, found in named.items() if set(found.values()) - {None}]
    strange = {
        inside[path].parent.name
        for path, class_id in by_file.items()
        if class_id is None and inside[path].parent.name
    }
    others = [path.name for path in folder.glob("*.csv")]
    notes = [
        *_note("folders that name none of the model's classes, or several", strange),
        *_note("CSV files without the columns file and class_id or label", others),
    ]
    return LabelledFolder(photographs, " and ".join(sources) or "none found", tuple(notes))


def _photographs(folder: Path, found: Iterable[tuple[Path, int | None]]) -> tuple[Photograph, ...]:
    return tuple(
        Photograph(path, _printable(path, folder), class_id) for path, class_id in sorted(found)
    )


def _note(what: str, names: Collection[str]) -> list[str]:
    """One line that names the first few; nothing if there are none."""
    different = sorted(set(names))
    more = ", …" if len(different) > _SHOWN else ""
    return [f"{what}: {', '.join(different[:_SHOWN])}{more} ({len(names)})"] if names else []


def _printable(path: Path, folder: Path) -> str:
    """File names may have bytes that are no UTF-8."""
    inside = path.relative_to(folder) if path.is_relative_to(folder) else path
    return os.fsencode(inside).decode(errors="replace")
