"""The thresholds that a user gives: a number, or a file with one per class.

The functions raise ConversionError if the text is neither, or the file lacks a class.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from conversion.errors import ConversionError, given_file


def read_thresholds(text: str, labels: Sequence[str]) -> tuple[float, ...]:
    """One threshold for all classes, or one per class.

    Args:
        text: a number from 0 to 1, or a JSON file: a list in the order of the class ids, or an
            object from labels to thresholds.
        labels: of the classes.
    """
    if _is_number(text):
        return (_checked(float(text), "--threshold"),)
    return _of_file(Path(text), labels)


def read_facts(text: str | None) -> str | None:
    """The number or the file's text, for the fingerprint."""
    if text is None or _is_number(text):
        return text
    return _read(Path(text))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read(path: Path) -> str:
    if not path.exists():
        raise ConversionError(
            f"--threshold takes a number from 0 to 1 or a JSON file, and {path} is neither"
        )
    try:
        return given_file(path, "--threshold").decode("utf-8-sig")
    except ValueError as error:
        raise ConversionError(f"--threshold: {path.name} is no text in UTF-8") from error


def _of_file(path: Path, labels: Sequence[str]) -> tuple[float, ...]:
    try:
        content = json.loads(_read(path))
    except ValueError as error:
        raise ConversionError(f"{path.name} is not JSON: {error}") from error
    if isinstance(content, dict):
        content = _in_order(content, path.name, labels)
    if not isinstance(content, list) or len(content) != len(labels):
        count = len(content) if isinstance(content, list) else 0
        raise ConversionError(f"{path.name} has {count} thresholds for {len(labels)} classes")
    return tuple(_checked(each, path.name) for each in content)


def _in_order(content: dict[str, object], file: str, labels: Sequence[str]) -> list[object]:
    missing = [label for label in labels if label not in content]
    unknown = [name for name in content if name not in labels]
    for what, names in (("no threshold for", missing), ("a threshold for no class:", unknown)):
        if names:
            raise ConversionError(f"{file} has {what} {names[0]!r}")
    return [content[label] for label in labels]


def _checked(value: object, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ConversionError(f"{where}: a threshold is a number from 0 to 1, not {value!r}")
    return float(value)
