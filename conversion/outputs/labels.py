"""The user's own class names."""

import codecs
import csv
import json
import re
from pathlib import Path

from conversion.errors import ONE_OUTPUT, ConversionError, given_file

_YAML = (".yaml", ".yml")
_OF_TRANSFORMERS = "id2label"
_DELIMITERS = (",", ";", "\t")
_COLUMNS = 2
_NUMBERED = re.compile(r"(\d+)\s*:\s*(\S.*)")


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names in the order of the class ids.

    Args:
        path: of a text file with one label per line, of CSV with the columns id and label in
            either order and with or without a header, or of JSON: a list of labels, an object
            from ids to labels (``{"0": "cat"}``), one from labels to ids, as torchvision's
            ``class_to_idx`` (``{"cat": 0}``), or transformers' ``config.json``.

    Raises:
        ConversionError: the file cannot be read, or does not hold one label for each class.
    """
    if path.suffix in _YAML:
        raise ConversionError(f"{path.name} is YAML; give the labels one a line, as CSV or JSON")
    try:
        content = _parsed(_text(path), must_be_json=path.suffix == ".json")
    except UnicodeDecodeError as error:
        raise ConversionError(
            f"cannot read the labels: {path.name} is no text in UTF-8 ({error.reason})"
        ) from error
    except ValueError as error:
        raise ConversionError(f"cannot read the labels: {error}") from error
    labels = _in_order(content, path.name) if isinstance(content, dict) else content
    if not isinstance(labels, list) or not all(
        isinstance(label, str) and label.strip() for label in labels
    ):
        raise ConversionError(f"{path.name} must hold one label per class, none empty")
    if not labels:
        raise ConversionError(f"{path.name} holds no labels")
    if len(labels) == 1:
        raise ConversionError(
            f"{path.name} holds one label, of a network with one output: {ONE_OUTPUT}"
        )
    stripped = tuple(label.strip() for label in labels)
    _refuse_duplicates(stripped, path.name)
    return stripped


def _text(path: Path) -> str:
    """The text of a file, which may begin with a byte order mark."""
    encoded = given_file(path, "--labels")
    utf_16 = encoded.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return encoded.decode("utf-16" if utf_16 else "utf-8-sig").strip()


def _refuse_duplicates(labels: tuple[str, ...], file: str) -> None:
    first: dict[str, int] = {}
    for number, label in enumerate(labels):
        if label in first:
            raise ConversionError(
                f"{file} has the label {label!r} for the classes {first[label]} and {number}; "
                "give each class a name of its own"
            )
        first[label] = number


def _parsed(text: str, *, must_be_json: bool) -> object:
    """A list or an object of JSON, else a table or lines."""
    if must_be_json or text.startswith(("[", "{")):
        try:
            return json.loads(text, object_pairs_hook=_without_repetition)
        except json.JSONDecodeError:
            if must_be_json:
                raise
    return _table(text) or text.splitlines()


def _table(text: str) -> dict[str, object] | None:
    """Labels by id from lines ``0: cat``, ``0,cat`` or ``cat,0``; None if it is no such table.

    Raises:
        ValueError: an id occurs twice, or there are more columns.
    """
    lines = text.splitlines()
    numbered = [found for line in lines if (found := _NUMBERED.fullmatch(line.strip()))]
    if numbered and len(numbered) == len(lines):
        return _without_repetition([(str(int(each[1])), each[2]) for each in numbered])
    delimiter = next((each for each in _DELIMITERS if each in lines[0]), "") if lines else ""
    rows = list(csv.reader(lines, delimiter=delimiter)) if delimiter else []
    rows = [[cell.strip() for cell in row] for row in rows if row]
    if not rows or any(len(row) != _COLUMNS for row in rows):
        if len(rows) > 1 and all(
            len(row) == len(rows[0]) and row[0].isdecimal() for row in rows[1:]
        ):
            raise ValueError(f"there are {len(rows[0])} columns; leave two, id and label")
        return None
    body = rows if any(cell.isdecimal() for cell in rows[0]) else rows[1:]
    for ids in range(_COLUMNS):
        if body and all(row[ids].isdecimal() for row in body):
            return _without_repetition([(str(int(row[ids])), row[1 - ids]) for row in body])
    return None


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a class id or a name stands twice as a key")
    return dict(pairs)


def _in_order(content: dict[str, object], file: str) -> list[object]:
    """The labels of an object from ids to labels, or from labels to ids."""
    if isinstance(id2label := content.get(_OF_TRANSFORMERS), dict):
        content = id2label
    deeper = [
        name
        for name, value in content.items()
        if isinstance(value, list | dict) and not name.isdecimal()
    ]
    if deeper:
        raise ConversionError(f"{file} must hold the labels alone, not under {deeper[0]!r}")
    if content and all(type(value) is int for value in content.values()):
        by_id: dict[str, object] = {str(number): label for label, number in content.items()}
    else:
        by_id = content
    try:
        return [by_id[str(number)] for number in range(len(content))]
    except KeyError as error:
        raise ConversionError(
            f"{file} must number its {len(content)} classes from 0 to {len(content) - 1}; "
            f"{error} is missing"
        ) from error
