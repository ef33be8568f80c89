"""Answers against a small OpenAPI document, each wrong in one way."""

from typing import Any

import httpx
import pytest

from deployment_check.contract import Contract

NUMBER = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Number"}}}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/number": {
            "get": {
                "responses": {
                    "200": {**NUMBER, "headers": {"X-Id": {"required": True}, "X-Other": {}}},
                    "400": {"$ref": "#/components/responses/400"},
                }
            }
        },
        "/text": {"get": {"responses": {"200": {"content": {"text/plain": {}}}}}},
    },
    "components": {
        "schemas": {
            "Number": {
                "type": "object",
                "required": ["n"],
                "properties": {"n": {"type": "integer"}},
            }
        },
        "responses": {"400": NUMBER, "404": NUMBER},
    },
}
CONTRACT = Contract(DOCUMENT)
HEADERS = {"x-id": "1"}


def answer(status: int = 200, content: Any = None, **options: Any) -> httpx.Response:
    content = {"n": 1} if content is None else content
    return httpx.Response(status, json=content, headers=HEADERS, **options)


PROBLEMS: dict[str, tuple[str, str, httpx.Response, list[str]]] = {
    "right": ("GET", "/number", answer(), []),
    "right error": ("GET", "/number", answer(400), []),
    "unknown path": ("GET", "/nowhere", answer(404), []),
    "wrong type": (
        "GET",
        "/number",
        answer(content={"n": "1"}),
        ["$.n: '1' is not of type 'integer'"],
    ),
    "missing key": ("GET", "/number", answer(content={}), ["$: 'n' is a required property"]),
    "undescribed key": (
        "GET",
        "/number",
        answer(content={"n": 1, "m": 2}),
        ["$: Unevaluated properties are not allowed ('m' was unexpected)"],
    ),
    "array": ("GET", "/number", answer(400, [1]), ["$: [1] is not of type 'object'"]),
    "unknown status": (
        "GET",
        "/number",
        answer(500),
        ["the document has no status 500 of GET /number"],
    ),
    "unknown method": (
        "POST",
        "/number",
        answer(),
        ["the document has no status 200 of POST /number"],
    ),
    "missing header": (
        "GET",
        "/number",
        httpx.Response(200, json={"n": 1}),
        ["the header X-Id is missing"],
    ),
    "wrong content type": (
        "GET",
        "/number",
        httpx.Response(200, text="1", headers=HEADERS),
        ["the content type 'text/plain' is not in the document"],
    ),
    "broken JSON": (
        "GET",
        "/number",
        httpx.Response(200, text="{", headers={**HEADERS, "content-type": "application/json"}),
        ["the body is not JSON"],
    ),
    "text": ("GET", "/text", httpx.Response(200, text="anything"), []),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_problems(name: str) -> None:
    method, path, response, problems = PROBLEMS[name]
    assert CONTRACT.problems(method, path, response) == problems


def test_it_says_what_it_describes() -> None:
    assert CONTRACT.describes("GET", "/number")
    assert not CONTRACT.describes("POST", "/number")
    assert not CONTRACT.describes("GET", "/text")
    assert not Contract({"paths": {"/number": ["nonsense"]}}).describes("GET", "/number")
