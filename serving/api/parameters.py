"""``top_k``, from the query, a form or JSON."""

import re
from urllib.parse import parse_qsl

from errors import InvalidParameter, InvalidRequest, shortened
from serving.classifier import TOP_K, checked_top_k

_MAX_QUERY_FIELDS = 16

_WHOLE_NUMBER = re.compile(r"\s*-?[0-9]+\s*")

# Fields that a browser leaves empty, and None as BentoML's client sends it.
_ABSENT = ("", "null")


def top_k_of_query(query: str) -> int | None:
    """The ``top_k`` of a query string; the last one counts.

    Raises:
        InvalidParameter: it is no whole number, or below 1.
        InvalidRequest: the query has too many fields.
    """
    if not query:
        return None
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError as error:
        raise InvalidRequest("the query string has too many fields") from error
    values = [value for name, value in fields if name == TOP_K]
    return _number(values[-1]) if values else None


def top_k_of_form(values: list[str]) -> int | None:
    """The ``top_k`` of a form's fields of that name.

    Raises:
        InvalidParameter: it is no whole number, below 1, or there are several.
    """
    if len(values) > 1:
        raise InvalidParameter(f"the form has {len(values)} fields {TOP_K!r}, send one")
    return None if not values or values[0] in _ABSENT else _number(values[0])


def top_k_of_json(value: object) -> int | None:
    """The ``top_k`` of a JSON object.

    Raises:
        InvalidParameter: it is no whole number, or below 1.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _not_whole(value)
    return checked_top_k(value)


def _number(text: str) -> int:
    try:
        # int() alone takes underscores and the digits of every script.
        if _WHOLE_NUMBER.fullmatch(text):
            return checked_top_k(int(text))
    except ValueError:  # more digits than Python converts
        pass
    raise _not_whole(text)


def _not_whole(found: object) -> InvalidParameter:
    return InvalidParameter(f"{TOP_K} must be a whole number, not {shortened(found)}")
