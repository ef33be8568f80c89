"""A deployment's own OpenAPI document, and whether its answers agree with it."""

from collections.abc import Iterator
from typing import Any

import httpx
from jsonschema import Draft202012Validator

JSON = "application/json"

_OF_ANY_ROUTE = (404, 405)  # for an unknown path or a wrong method, which no document has


class Contract:
    """An OpenAPI 3.1 document, parsed."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def describes(self, method: str, path: str) -> bool:
        """Whether it has a JSON schema for a success of this operation."""
        success = self._responses(method, path).get("200", {})
        return bool(_at(success, "content", JSON, "schema"))

    def problems(self, method: str, path: str, response: httpx.Response) -> list[str]:
        """How a response differs from the document."""
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
    """The schema, but objects may have only the properties that it describes."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    # A part of "allOf" describes only some of the properties.
    inner = {key: each if key == "allOf" else _closed(each) for key, each in schema.items()}
    described = "properties" in schema and "additionalProperties" not in schema
    return {**inner, "unevaluatedProperties": False} if described else inner


def _at(content: Any, *keys: str) -> dict[str, Any]:
    """The object under a path of keys; an empty one if there is none."""
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}
