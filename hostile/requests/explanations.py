"""Hostile requests to ``/explain``: its own parameters, and some that every route gets."""

from dataclasses import replace

from hostile.images.containers import PNG
from hostile.images.files import BODY, MEGABYTE, UNSUPPORTED
from hostile.requests import calls
from hostile.requests.calls import BOMB, INVALID_PARAMETER, Call, announced, sent
from hostile.requests.expected import PAGE

EXPLAIN = "/explain"

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
    """Requests by name."""
    return {
        **{
            f"explain: {name}": sent(
                INVALID_PARAMETER, EXPLAIN, files={"image": PNG}, data=parameters
            )
            for name, parameters in _PARAMETERS.items()
        },
        "explain: a good image": sent(PAGE, EXPLAIN, content=PNG),
        "explain: class_ids in JSON of a thousand lists": sent(
            INVALID_PARAMETER, EXPLAIN, json={"image": "AAAA", "class_ids": [[]] * 1000}
        ),
        "explain: class_ids in JSON of a million lists": Call(
            calls.INVALID,
            lambda: {"json": {"image": "AAAA", "class_ids": [[]] * 1_000_000}},
            EXPLAIN,
        ),
        "explain: 300 MB of JSON, announced": Call(
            calls.TOO_LARGE, lambda: announced(300), EXPLAIN
        ),
        "explain: 19 MB of base64": Call(
            UNSUPPORTED, lambda: announced(BODY // MEGABYTE), EXPLAIN, is_decoded=True
        ),
        f"explain: {BOMB}": replace(calls.with_files()[BOMB], path=EXPLAIN),
    }
