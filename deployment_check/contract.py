"""A deployment's own OpenAPI document, and whether its answers are what it describes."""

from collections.abc import Iterator
from typing import Any

import httpx
from jsonschema import Draft202012Validator

JSON = "application/json"

_OF_ANY_ROUTE = (404, 405)  # answers to what is in no document: an unknown path, a wrong method


class Contract:
    """An OpenAPI 3.1 document, parsed."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def describes(self, method: str, path: str) -> bool:
        """Whether it says in a JSON schema what a success of this operation looks like."""
        success = self._responses(method, path).get("200", {})
        return bool(_at(success, "content", JSON, "schema"))

    def problems(self, method: str, path: str, response: httpx.Response) -> list[str]:
        """What of a response the document does not describe."""
        status = str(response.status_code)
        responses = self._responses(method, path)
        if response.status_code in _OF_ANY_ROUTE and status not in responses:
            responses = _at(self._document, "components", "responses")
        described = self._resolved(responses.get(status))
        if not described:
            return [f"the document has no status {status} of {method} {path}"]
        return list(self._differences(described, response))

    def _differences(self, described: dict[str, Any], response: httpx.Response) -> Iterator[str]:
        for name, header in described.get("headers", {}).items():
            if header.get("required") and name not in response.headers:
                yield f"the header {name} is missing"
        media_type = response.headers.get("content-type", "").partition(";")[0]
        if media_type not in described.get("content", {}):
            yield f"the content type {media_type!r} is not in the document"
        elif media_type == JSON:
            yield from self._invalid(described["content"][JSON].get("schema", {}), response)

    def _invalid(self, schema: dict[str, Any], response: httpx.Response) -> Iterator[str]:
        try:
            content = response.json()
        except ValueError:
            yield "the body is not JSON"
            return
        # References lead from the root of the document.
        rooted = _closed({**schema, "components": self._document.get("components", {})})
        for error in Draft202012Validator(rooted).iter_errors(content):
            yield f"{error.json_path}: {error.message[:200]}"

    def _responses(self, method: str, path: str) -> dict[str, Any]:
        return _at(self._document, "paths", path, method.lower(), "responses")

    def _resolved(self, described: dict[str, Any] | None) -> dict[str, Any]:
        reference = (described or {}).get("$ref")
        if not isinstance(reference, str):
            return described or {}
        return _at(self._document, *reference.removeprefix("#/").split("/"))


def _closed(schema: Any) -> Any:
    """The schema, but an object may have no property that is not described."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    # Each part of "allOf" describes some of the properties only.
    inner = {key: each if key == "allOf" else _closed(each) for key, each in schema.items()}
    described = "properties" in schema and "additionalProperties" not in schema
    return {**inner, "unevaluatedProperties": False} if described else inner


def _at(content: Any, *keys: str) -> dict[str, Any]:
    """The object at the end of a way of keys; an empty one where the way ends before."""
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}
