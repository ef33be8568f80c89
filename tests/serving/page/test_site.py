"""The page's files, and how they are served."""

import re

import pytest
from starlette.types import Receive, Scope, Send

from serving.page.site import STATIC, Site, files
from serving.transport.keys import DOCUMENTS
from tests.serving.asgi import call, scope
from tests.support.documents import DOCS, table_rows

MAX_BYTES = 60_000


async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    """BentoML's application: says which path it was asked for."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def asked(path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, header and body of the answer to a request."""
    start, body = call(scope(path, method, **headers), app=Site(elsewhere))
    lines = [(name.decode(), value.decode()) for name, value in start["headers"]]
    assert len(dict(lines)) == len(lines)
    return start["status"], dict(lines), body["body"]


def test_the_page_and_all_that_it_names_are_served() -> None:
    status, headers, page = asked("/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert headers["content-length"] == str(len(page))
    named = set(re.findall(r'(?:href|src)="(page/[^"]+)"', page.decode()))
    script = STATIC / "page.js"
    named |= {f"page/{name}" for name in re.findall(r'from "./(.+?)"', script.read_text())}
    assert named >= {"page/page.css", "page/page.js", "page/service.js"}
    for name in named:
        assert asked(f"/{name}")[0] == 200, name


def test_all_files_are_served_and_are_small() -> None:
    assert len(files()) == len(list(STATIC.iterdir()))
    assert sum(len(file.body) for file in files().values()) < MAX_BYTES


def test_a_browser_that_has_the_file_gets_no_other() -> None:
    _, first, _ = asked("/page/page.js")
    assert first["cache-control"] == "no-cache"
    status, again, body = asked("/page/page.js", if_none_match=first["etag"])
    assert (status, body) == (304, b"")
    assert again["etag"] == first["etag"]
    assert asked("/page/page.css", if_none_match=first["etag"])[0] == 200


def test_the_policy_lets_nothing_of_others_in() -> None:
    policy = asked("/")[1]["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["require-trusted-types-for"] == "'script'"
    page = files()["/"].body.decode()
    assert re.findall(r"<style|<script(?! type=\"module\" src)| style=| on\w+=", page) == []


def test_bentomls_page_has_moved_and_the_rest_of_it_has_not() -> None:
    assert asked(DOCUMENTS)[2] == b"/"
    assert asked("/docs.json")[2] == b"/docs.json"


@pytest.mark.parametrize(
    "path", ["/page/", "/page/other.js", "/page/../site.py", "/page/index.html"]
)
def test_there_are_no_other_files(path: str) -> None:
    assert asked(path)[2] == path.encode()  # BentoML's, which has none of them


def test_only_reading_is_allowed() -> None:
    assert asked("/", "HEAD")[0] == 200
    assert asked("/", "POST")[0] == 405


def test_every_error_of_the_service_has_words_of_its_own() -> None:
    rows = table_rows("# Errors", DOCS["errors.md"])
    codes = {code for row in rows for code in re.findall("`(.+?)`", row[1])}
    words = (STATIC / "words.js").read_text()
    own = {"wrong_key", "unreachable", "unreadable", "no_file", "unknown"}
    assert set(re.findall(r"^  (\w+): \[", words, flags=re.MULTILINE)) == codes | own
