"""Hostile requests to ``/explain``: what only it takes, and some of what every route must bear."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from errors import InvalidParameter
from hostile.images.containers import PNG
from hostile.images.files import BODY, MEGABYTE, UNSUPPORTED
from hostile.requests.calls import INVALID, TOO_LARGE, Call, announced, body, with_files
from hostile.requests.expected import PAGE, refused

INVALID_PARAMETER = refused(InvalidParameter)

EXPLAIN = "/explain"

_BOMB = "PNG of 169 MP in 20 KB"

_PARAMETERS: dict[str, dict[str, str]] = {
    "class_ids of a million commas": {"class_ids": "," * 1_000_000},
    "class_ids of a million numbers": {"class_ids": "1," * 1_000_000 + "1"},
    "a class id of a million digits": {"class_ids": "1" * 1_000_000},
    "a negative class id": {"class_ids": "-1"},
    "a class id that the model does not have": {"class_ids": "3"},
    "a map of a million letters": {"map": "x" * 1_000_000},
}
"""Form fields, each refused for its value."""


def to_explain() -> dict[str, Call]:
    return {
        **{
            f"explain: {name}": Call(INVALID_PARAMETER, _form(parameters), EXPLAIN)
            for name, parameters in _PARAMETERS.items()
        },
        "explain: a good image": Call(PAGE, body(PNG), EXPLAIN),
        "explain: class_ids in JSON of a thousand lists": Call(
            INVALID_PARAMETER,
            lambda: {"json": {"image": "AAAA", "class_ids": [[]] * 1000}},
            EXPLAIN,
        ),
        "explain: class_ids in JSON of a million lists": Call(
            INVALID, lambda: {"json": {"image": "AAAA", "class_ids": [[]] * 1_000_000}}, EXPLAIN
        ),
        "explain: 300 MB of JSON, announced": Call(TOO_LARGE, lambda: announced(300), EXPLAIN),
        "explain: 19 MB of base64": Call(
            UNSUPPORTED, lambda: announced(BODY // MEGABYTE), EXPLAIN, is_decoded=True
        ),
        f"explain: {_BOMB}": replace(with_files()[_BOMB], path=EXPLAIN),
    }


def _form(parameters: dict[str, str]) -> Callable[[], dict[str, Any]]:
    return lambda: {"files": {"image": PNG}, "data": parameters}
