"""The parameters of a request, from the query, a form or JSON.

Each function raises InvalidParameter for a value that is out of its bounds, or of another kind.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache, partial
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from errors import InvalidParameter, InvalidRequest, shortened
from inference.answers.embedding import EmbeddingForm
from serving.parameters import (
    CLASS_IDS,
    DEFAULTS,
    EMBEDDING,
    EXPLAIN,
    MAP,
    MAX_CLASSES,
    NORMALISED,
    THRESHOLD,
    TOP_K,
    MapForm,
    Parameters,
    checked_embedding,
    checked_threshold,
    checked_top_k,
)

_MAX_QUERY_FIELDS = 16

# int() and float() alone take underscores and the digits of every script.
_WHOLE_NUMBER = re.compile(r"\s*-?[0-9]+\s*")
# No two parts in a row match the same characters: the time to refuse a text grows with its length.
_NUMBER = re.compile(r"\s*-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\s*")

_CLASS_ID = re.compile(r"\s*[0-9]{1,9}\s*")

# Names as alike as this are the same word, misspelled.
_ALIKE = 0.85
_LONGEST_NAME = 20

# A browser sends empty fields. BentoML's client sends None, lists and texts in forms as JSON.
_ABSENT = ("", "null")

_TRUTHS = {"true": True, "false": False}


def parameters_of_query(query: str) -> Parameters:
    """The parameters in a query string; if a name comes twice, the last value counts.

    Raises:
        InvalidRequest: the query has too many fields.
    """
    if not query:
        return DEFAULTS
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError as error:
        raise InvalidRequest("the query string has too many fields") from error
    texts = dict(fields)
    check_names(texts)
    return _read_texts(texts)


def parameters_of_form(fields: Sequence[tuple[str, str]]) -> Parameters:
    """The parameters in a form's text fields, given as names and values; each name comes once."""
    if not fields:
        return DEFAULTS
    names = [name for name, _ in fields]
    for name in names:
        if (count := names.count(name)) > 1:
            raise InvalidParameter(f"the form has {count} fields {name!r}, send one")
    return _read_texts({name: text for name, text in fields if text not in _ABSENT})


def parameters_of_json(content: dict[str, Any]) -> Parameters:
    """The parameters in a JSON object."""
    check_names(content)
    values = {
        name: kind.of_json(content[name])
        for name, kind in KINDS.items()
        if content.get(name) is not None
    }
    return Parameters(**values) if values else DEFAULTS


def check_names(names: Iterable[str]) -> None:
    """Refuse the name of a parameter, misspelled. Any other name may be there."""
    for name in names:
        if name not in KINDS and len(name) <= _LONGEST_NAME and (meant := _meant(name)):
            raise InvalidParameter(f"there is no parameter {shortened(name)}; it is {meant!r}")


@lru_cache(256)
def _meant(name: str) -> str | None:
    """The parameter whose name is most like this one; None if none is."""
    written = name.lower().replace("-", "_")
    return next(iter(get_close_matches(written, KINDS, 1, _ALIKE)), None)


def first_given(first: Parameters, second: Parameters) -> Parameters:
    """Each parameter as the first has it, else as the second does."""
    if second is DEFAULTS:
        return first
    return Parameters._make(
        theirs if own is None else own for own, theirs in zip(first, second, strict=True)
    )


def _read_texts(texts: dict[str, str]) -> Parameters:
    values = {name: kind.of_text(texts[name]) for name, kind in KINDS.items() if name in texts}
    return Parameters(**values) if values else DEFAULTS


class _Kind(NamedTuple):
    of_text: Callable[[str], Any]
    of_json: Callable[[object], Any]


def _top_k_of_text(text: str) -> int:
    try:
        if _WHOLE_NUMBER.fullmatch(text):
            return checked_top_k(int(text))
    except ValueError:  # more digits than Python converts
        pass
    raise _not_whole(text)


def _top_k_of_json(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _not_whole(value)
    return checked_top_k(value)


def _not_whole(found: object) -> InvalidParameter:
    return InvalidParameter(f"{TOP_K} must be a whole number, not {shortened(found)}")


def _threshold_of_text(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise _no_number(text)
    return checked_threshold(float(text))


def _threshold_of_json(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _no_number(value)
    return checked_threshold(value)


def _no_number(found: object) -> InvalidParameter:
    return InvalidParameter(f"{THRESHOLD} must be a number from 0 to 1, not {shortened(found)}")


def _truth_of_text(name: str, text: str) -> bool:
    return _truth_of_json(name, _TRUTHS.get(text, text))


def _truth_of_json(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidParameter(f"{name} must be {' or '.join(_TRUTHS)}, not {shortened(value)}")
    return value


def _embedding_of_text(text: str) -> EmbeddingForm:
    # BentoML's client sends the texts of its forms as JSON.
    bare = text.strip('"')
    return checked_embedding(_TRUTHS.get(bare, bare))


def _class_ids_of_text(text: str) -> tuple[int, ...]:
    bare = text.removeprefix("[").removesuffix("]")
    numbers = bare.split(",", MAX_CLASSES)
    if len(numbers) > MAX_CLASSES or not all(map(_CLASS_ID.fullmatch, numbers)):
        raise InvalidParameter(
            f"{CLASS_IDS} must be 1 to {MAX_CLASSES} whole numbers, separated by commas, "
            f"not {shortened(text)}"
        )
    return tuple(map(int, numbers))


def _class_ids_of_json(value: object) -> tuple[int, ...]:
    # type(): True is an int, too.
    if not isinstance(value, list) or not all(type(each) is int for each in value):
        raise InvalidParameter(f"{CLASS_IDS} must be a list of whole numbers")
    if not 1 <= len(value) <= MAX_CLASSES:
        raise InvalidParameter(f"{CLASS_IDS} must have 1 to {MAX_CLASSES}, not {len(value)}")
    return tuple(value)


def _map_of_text(text: str) -> MapForm:
    return _map_of_json(text.strip('"'))


def _map_of_json(value: object) -> MapForm:
    for form in MapForm:
        if value == form:
            return form
    raise InvalidParameter(f"{MAP} must be {' or '.join(MapForm)}, not {shortened(value)}")


KINDS = {
    TOP_K: _Kind(_top_k_of_text, _top_k_of_json),
    THRESHOLD: _Kind(_threshold_of_text, _threshold_of_json),
    EMBEDDING: _Kind(_embedding_of_text, checked_embedding),
    **{
        name: _Kind(partial(_truth_of_text, name), partial(_truth_of_json, name))
        for name in (NORMALISED, EXPLAIN)
    },
    CLASS_IDS: _Kind(_class_ids_of_text, _class_ids_of_json),
    MAP: _Kind(_map_of_text, _map_of_json),
}
"""How each parameter is read, by name."""
