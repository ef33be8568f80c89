"""Which photographs a folder has, and which class each of them shows.

Labels come from the first of these that the folder has:

1. a CSV file in the folder with the columns ``file`` and ``class_id``, or ``file`` and ``label``;
2. folders that are named after classes: a label, a class id, or a WordNet id with a label behind
   it (``n01484850_great_white_shark``);
3. file names of the latter kind.

A bare WordNet id (``n01484850``, ``n01484850_1234.JPEG``) says which class it is only if there are
as many different ids as classes: then ids and classes have the same order, as in ImageNet.
"""

import csv
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch.files import SUFFIXES, is_photograph
from conversion.errors import ConversionError

_WORDNET = re.compile(r"(n\d{8})(?:_(.+))?")
_MOST_DIGITS = 9
_SHOWN = 5


@dataclass(frozen=True)
class Photograph:
    """One file of the folder.

    Attributes:
        path: of the file.
        name: its path in the folder, printable.
        class_id: that it shows; None if that is not known.
    """

    path: Path
    name: str
    class_id: int | None


@dataclass(frozen=True)
class LabelledFolder:
    """What a folder has.

    Attributes:
        photographs: in the order of their names.
        source: where the labels come from, in words.
        notes: what was found and not used.
    """

    photographs: tuple[Photograph, ...]
    source: str
    notes: tuple[str, ...] = ()


class ClassNames:
    """Finds the class that a text names.

    Args:
        labels: of the model, in the order of the class ids.
        wordnet_ids: all that occur; they are used if each class has one.
    """

    def __init__(self, labels: Sequence[str], wordnet_ids: Collection[str] = ()) -> None:
        plain = [_plain(label) for label in labels]
        counts = Counter(plain)
        self._classes = len(labels)
        self._by_label = {name: i for i, name in enumerate(plain) if counts[name] == 1}
        ids = sorted(set(wordnet_ids))
        self._by_wordnet_id = (
            {name: i for i, name in enumerate(ids)} if len(ids) == len(labels) else {}
        )

    def by_id(self, text: str) -> int | None:
        """The class with an id such as ``967``."""
        if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
            return None
        return int(text) if int(text) < self._classes else None

    def by_wordnet(self, text: str) -> int | None:
        """The class of a text that begins with a WordNet id."""
        match = _WORDNET.fullmatch(text)
        if match is None:
            return None
        found = self._by_wordnet_id.get(match[1])
        return self._by_label.get(_plain(match[2] or "")) if found is None else found

    def by_any(self, text: str) -> int | None:
        """The class of a label, an id or a WordNet id.

        A label that several classes have names none of them.
        """
        for found in (self._by_label.get(_plain(text)), self.by_id(text), self.by_wordnet(text)):
            if found is not None:
                return found
        return None


def read_folder(folder: Path, labels: Sequence[str]) -> LabelledFolder:
    """The photographs of a folder and all below it, without hidden ones.

    Args:
        folder: to look in.
        labels: of the model, in the order of the class ids.

    Raises:
        ConversionError: there is no such folder, no photograph in it, or the CSV file is unclear.
    """
    if not folder.is_dir():
        raise ConversionError(f"{folder} is no folder")
    paths = set(_images(folder))
    table = _table(folder)
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


@dataclass(frozen=True)
class _Table:
    """A CSV file.

    Attributes:
        path: of it.
        column: that names the class: ``class_id`` or ``label``.
        classes: what stands there, by file.
    """

    path: Path
    column: str
    classes: dict[str, str]


def _table(folder: Path) -> _Table | None:
    tables = [table for path in sorted(folder.glob("*.csv")) if (table := _read_table(path))]
    if len(tables) > 1:
        names = ", ".join(table.path.name for table in tables)
        raise ConversionError(f"{folder} has several files with labels: {names}; leave one")
    return tables[0] if tables else None


def _read_table(path: Path) -> _Table | None:
    """None if it has other columns."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or ()
            column = next((each for each in ("class_id", "label") if each in columns), None)
            if column is None or "file" not in columns:
                return None
            return _Table(path, column, _classes(path, rows, column))
    except (ValueError, csv.Error) as error:
        raise ConversionError(f"cannot read {path}: {error}") from error


def _classes(path: Path, rows: "csv.DictReader[str]", column: str) -> dict[str, str]:
    classes: dict[str, str] = {}
    for row in rows:
        file, name = (row["file"] or "").strip(), (row[column] or "").strip()
        if classes.setdefault(file, name) != name:
            raise ConversionError(
                f"{path}, line {rows.line_num}: {file} is {name} here and {classes[file]} above"
            )
    return classes


def _labelled_by(
    table: _Table, folder: Path, paths: set[Path], names: ClassNames
) -> LabelledFolder:
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
    parts = {path: path.relative_to(folder).parts[:-1] for path in paths}
    texts = {path.stem for path in paths}.union(*parts.values())
    matches = (_WORDNET.fullmatch(text) for text in texts)
    names = ClassNames(labels, {match[1] for match in matches if match})
    # The folder next to the file first.
    by_folder = {path: _first(map(names.by_any, reversed(parts[path]))) for path in paths}
    by_file = {path: names.by_wordnet(path.stem) for path in paths if by_folder[path] is None}
    photographs = _photographs(folder, (by_folder | by_file).items())
    sources = [
        *(["folders named after classes"] if _some(by_folder.values()) else []),
        *(["file names of ImageNet"] if _some(by_file.values()) else []),
    ]
    strange = {parts[path][-1] for path in by_file if parts[path] and by_file[path] is None}
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


def _first(found: Iterable[int | None]) -> int | None:
    return next((each for each in found if each is not None), None)


def _some(found: Iterable[int | None]) -> bool:
    return _first(found) is not None


def _note(what: str, names: Collection[str]) -> list[str]:
    """One line that names the first few; nothing if there are none."""
    different = sorted(set(names))
    more = ", …" if len(different) > _SHOWN else ""
    return [f"{what}: {', '.join(different[:_SHOWN])}{more} ({len(names)})"] if names else []


def _printable(path: Path, folder: Path) -> str:
    """File names may have bytes that are no UTF-8."""
    inside = path.relative_to(folder) if path.is_relative_to(folder) else path
    return os.fsencode(inside).decode(errors="replace")


def _plain(label: str) -> str:
    return label.replace("_", " ").strip().casefold()
