"""The class that a photograph shows, from a table or from names.

A table is a CSV file with the columns ``file`` and ``class_id``, or ``file`` and ``label``. Without
one, the names of folders and files count, as docs/evaluate.md says.
"""

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from batch.errors import BatchError

_WORDNET = re.compile(r"(n\d{8})(?:_(.+))?")
_MOST_DIGITS = 9


class ClassNames:
    """Finds the class that a text names.

    Labels are in the order of the class ids. WordNet ids count if there is one for each class.
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

    def by_path(self, path: PurePath) -> int | None:
        """The class of the nearest folder that names one, else of the file's WordNet id."""
        found = self.by_folder(path)
        return self.by_wordnet(path.stem) if found is None else found

    def by_folder(self, path: PurePath) -> int | None:
        """The class of the nearest folder that names one."""
        for part in reversed(path.parts[:-1]):
            if (found := self.by_any(part)) is not None:
                return found
        return None

    def by_any(self, text: str) -> int | None:
        """The class of a label, an id or a WordNet id.

        A label that several classes have names none of them.
        """
        for found in (self._by_label.get(_plain(text)), self.by_id(text), self.by_wordnet(text)):
            if found is not None:
                return found
        return None


def wordnet_ids(path: PurePath) -> set[str]:
    """The WordNet ids in a path."""
    matches = map(_WORDNET.fullmatch, (*path.parts[:-1], path.stem))
    return {match[1] for match in matches if match}


@dataclass(frozen=True)
class Table:
    """A CSV file."""

    path: Path
    column: str  # of the class: ``class_id`` or ``label``
    classes: dict[str, str]  # the text in that column, by file


def table_of(folder: Path) -> Table | None:
    """The table of labels that a folder has, if any; a BatchError if it has several."""
    tables = [table for path in sorted(folder.glob("*.csv")) if (table := read_table(path))]
    if len(tables) > 1:
        names = ", ".join(table.path.name for table in tables)
        raise BatchError(f"{folder} has several files with labels: {names}; leave one")
    return tables[0] if tables else None


def read_table(path: Path) -> Table | None:
    """A table of labels; None if the file has other columns.

    A BatchError if it cannot be read, or contradicts itself; an OSError if it is not there.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or ()
            column = next((each for each in ("class_id", "label") if each in columns), None)
            if column is None or "file" not in columns:
                return None
            return Table(path, column, _classes(path, rows, column))
    except (ValueError, csv.Error) as error:
        raise BatchError(f"cannot read {path}: {error}") from error


def _classes(path: Path, rows: "csv.DictReader[str]", column: str) -> dict[str, str]:
    classes: dict[str, str] = {}
    for row in rows:
        file, name = (row["file"] or "").strip(), (row[column] or "").strip()
        if classes.setdefault(file, name) != name:
            raise BatchError(
                f"{path}, line {rows.line_num}: {file} is {name} here and {classes[file]} above"
            )
    return classes


def _plain(label: str) -> str:
    return label.replace("_", " ").strip().casefold()


def labels_in(file: Path) -> Table:
    """The table of labels in a file; a BatchError if it is not one, or contradicts itself."""
    try:
        table = read_table(file)
    except OSError as error:
        raise BatchError(f"cannot read {file}: {error.strerror}") from error
    if table is None:
        raise BatchError(f"{file} has no columns file and class_id, or file and label")
    return table


class EntryLabels:
    """The class that each photograph of a run shows, from a table, else from names.

    ``source`` says in words where the labels come from. Entries begin with the folder, if the input
    was one.
    """

    def __init__(self, folder: str, names: ClassNames, table: Table | None = None) -> None:
        self._folder, self._names, self._table = folder.rstrip("/") + "/", names, table
        self.source = "names of folders and files"
        if table:
            self.source = f"{table.path.name}, column {table.column}"
            # ``./a.jpg`` is ``a.jpg``.
            self._classes = {str(PurePath(file)): each for file, each in table.classes.items()}

    def class_of(self, entry: str) -> int | None:
        """The class that a photograph shows; None if that is not known."""
        inside = PurePath(entry.removeprefix(self._folder))
        if self._table is None:
            return self._names.by_path(inside)
        text = self._classes.get(str(inside)) or self._classes.get(str(PurePath(entry))) or ""
        if self._table.column == "class_id":
            return self._names.by_id(text)
        return self._names.by_any(text)


def entry_labels(
    folder: str, entries: Iterable[str], labels: Sequence[str], file: Path | None
) -> EntryLabels:
    """The labels of a run's photographs: of a table in a file or in the folder, else of names.

    Entries are read only if names have to say the class. A BatchError if the file is no such
    table, or the folder has several; an OSError if it cannot be read.
    """
    table = labels_in(file) if file else None
    if table is None and Path(folder).is_dir():
        table = table_of(Path(folder))
    if table:
        return EntryLabels(folder, ClassNames(labels), table)
    start = folder.rstrip("/") + "/"
    found = set[str]().union(*(wordnet_ids(PurePath(e.removeprefix(start))) for e in entries))
    return EntryLabels(folder, ClassNames(labels, found))
