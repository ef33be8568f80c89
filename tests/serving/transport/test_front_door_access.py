"""Who may ask: holders of a key, and pages of other origins."""

import pytest
from starlette.types import Message

from settings import Settings
from tests.serving.asgi import body, call, scope

KEYS = Settings(api_keys="first, second", max_body_bytes=10)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "first"}, {"x_api_key": "first, second"}]
)
def test_without_one_of_the_keys_nothing_is_read(headers: dict[str, str]) -> None:
    unread = [body(b"x" * 100, True), body(b"")]
    sent = call(scope("/run", **headers), *unread, settings=KEYS)
    assert sent[0]["status"] == 401
    assert (b"www-authenticate", b"Bearer") in sent[0]["headers"]
    assert b'"unauthorized"' in sent[1]["body"]


def test_probes_need_no_key_and_pages_only_if_it_is_set() -> None:
    for path in ("/livez", "/docs.json"):
        assert call(scope(path, "GET"), settings=KEYS)[0]["status"] == 200
    closed = KEYS.model_copy(update={"pages_need_key": True})
    assert call(scope("/livez", "GET"), settings=closed)[0]["status"] == 200
    for path in ("/docs.json", "/docs", "/static_content/x"):
        assert call(scope(path, "GET"), settings=closed)[0]["status"] == 401
    for path in ("/", "/page/page.js"):  # the page asks for the key
        assert call(scope(path, "GET"), settings=closed)[0]["status"] == 200


def test_keys_are_not_shown() -> None:
    assert "first" not in repr(KEYS)


def preflight(origin: str, origins: list[str]) -> list[Message]:
    """What a browser is told before it lets a page of an origin ask."""
    request = scope("/run", "OPTIONS", origin=origin, access_control_request_method="POST")
    return call(request, settings=Settings(cors_origins=",".join(origins)))


def test_without_origins_no_page_may_ask() -> None:
    sent = preflight("https://page.test", [])
    assert sent[0]["status"] == 405


def test_pages_of_the_origins_may_ask_and_others_may_not() -> None:
    allowed = preflight("https://page.test", ["https://page.test"])
    assert allowed[0]["status"] == 200
    assert (b"access-control-allow-origin", b"https://page.test") in allowed[0]["headers"]
    refused = preflight("https://other.test", ["https://page.test"])
    assert refused[0]["status"] == 400
    assert refused[1]["body"] == b'{"error":{"code":"bad_request","message":"Bad Request"}}\n'


@pytest.mark.parametrize(
    ("origins", "origin", "expected"),
    [
        ("", "https://page.test", {}),
        ("*", "https://page.test", {b"access-control-allow-origin": b"*"}),
        ("https://page.test", "https://other.test", {b"vary": b"Origin"}),
        ("https://page.test", None, {b"vary": b"Origin"}),
        (
            "https://page.test",
            "https://page.test",
            {b"access-control-allow-origin": b"https://page.test", b"vary": b"Origin"},
        ),
    ],
)
def test_a_response_says_which_pages_may_read_it(
    origins: str, origin: str | None, expected: dict[bytes, bytes]
) -> None:
    headers = {} if origin is None else {"origin": origin}
    sent = call(scope("/run", **headers), body(b""), settings=Settings(cors_origins=origins))
    found = dict(sent[0]["headers"])
    names = (b"access-control-allow-origin", b"vary")
    assert {name: found[name] for name in names if name in found} == expected
    assert (b"access-control-expose-headers" in found) == (names[0] in expected)
