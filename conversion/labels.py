"""The user's own class names."""

import json
from pathlib import Path

from conversion.errors import ONE_OUTPUT, ConversionError


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names in the order of the class ids.

    Args:
        path: of a text file with one label per line, or of JSON: a list of labels, an object
            from ids to labels (``{"0": "cat"}``), or one from labels to ids, as torchvision's
            ``class_to_idx`` (``{"cat": 0}``).

    Raises:
        ConversionError: the file cannot be read, or does not hold one label for each class.
    """
    try:
        # Some editors begin a file with a byte order mark.
        text = path.read_text(encoding="utf-8-sig").strip()
        content = _parsed(text, must_be_json=path.suffix == ".json")
    except (OSError, ValueError) as error:
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
    return tuple(label.strip() for label in labels)


def _parsed(text: str, *, must_be_json: bool) -> object:
    """JSON where it is a list or an object, else lines."""
    if must_be_json or text.startswith(("[", "{")):
        try:
            return json.loads(text, object_pairs_hook=_without_repetition)
        except json.JSONDecodeError:
            if must_be_json:
                raise
    return text.splitlines()


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a key stands twice in the JSON object")
    return dict(pairs)


def _in_order(content: dict[str, object], file: str) -> list[object]:
    """The labels of a JSON object, whichever way round it is."""
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
