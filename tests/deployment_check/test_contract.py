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


GET, UNKNOWN = "GET /number", "the document has no status"
JSON = {**HEADERS, "content-type": "application/json"}
PROBLEMS = {
    "right": (GET, answer(), None),
    "right error": (GET, answer(400), None),
    "unknown path": ("GET /nowhere", answer(404), None),
    "text": ("GET /text", httpx.Response(200, text="anything"), None),
    "wrong type": (GET, answer(content={"n": "1"}), "$.n: '1' is not of type 'integer'"),
    "missing key": (GET, answer(content={}), "$: 'n' is a required property"),
    "undescribed key": (
        *(GET, answer(content={"n": 1, "m": 2})),
        "$: Unevaluated properties are not allowed ('m' was unexpected)",
    ),
    "array": (GET, answer(400, [1]), "$: [1] is not of type 'object'"),
    "unknown status": (GET, answer(500), f"{UNKNOWN} 500 of GET /number"),
    "unknown method": ("POST /number", answer(), f"{UNKNOWN} 200 of POST /number"),
    "missing header": (GET, httpx.Response(200, json={"n": 1}), "the header X-Id is missing"),
    "wrong content type": (
        *(GET, httpx.Response(200, text="1", headers=HEADERS)),
        "the content type 'text/plain' is not in the document",
    ),
    "broken JSON": (GET, httpx.Response(200, text="{", headers=JSON), "the body is not JSON"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_problems(name: str) -> None:
    asked, response, problem = PROBLEMS[name]
    method, path = asked.split()
    assert CONTRACT.problems(method, path, response) == ([problem] if problem else [])


def test_it_says_what_it_describes() -> None:
    assert CONTRACT.describes("GET", "/number")
    assert not CONTRACT.describes("POST", "/number")
    assert not CONTRACT.describes("GET", "/text")
    assert not Contract({"paths": {"/number": ["nonsense"]}}).describes("GET", "/number")
