"""What bad requests get, over real HTTP, and that they harm nobody else."""

import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.servers import Server
from harness.toys import RED, encoded
from tests.serving.answers import as_base64, assert_red
from tests.serving.conftest import MAX_BODY_BYTES, MAX_IMAGES

pytestmark = pytest.mark.slow


def form(**parts: Any) -> dict[str, Any]:
    return {"files": parts}


def raw(body: bytes, content_type: str = "image/png") -> dict[str, Any]:
    return {"content": body, "headers": {"content-type": content_type}}


ONE, BATCH = "/classify", "/classify_batch"
URL = "http://127.0.0.1:1/a.png"

BAD_REQUESTS: dict[str, tuple[str, dict[str, Any], int, str, str]] = {
    "not an image": (ONE, raw(b"hello"), 415, "unsupported_image", "JPEG, PNG"),
    "truncated": (
        *(ONE, raw(encoded(RED, (64, 64), "JPEG")[:640], "image/jpeg")),
        *(422, "corrupt_image", "truncated"),
    ),
    "too many pixels": (ONE, raw(encoded(RED, (1001, 1000))), 413, "image_too_large", "1001 x"),
    "absurd aspect": (ONE, raw(encoded(RED, (210, 10))), 422, "extreme_aspect_ratio", "210 x 10"),
    "zero bytes": (ONE, raw(b""), 400, "invalid_request", "0 bytes"),
    "empty file": (ONE, form(image=b""), 400, "invalid_request", "0 bytes"),
    "missing field": (ONE, form(img=b"x"), 400, "invalid_request", "'img'"),
    "text for a file": (ONE, form(image=(None, "cat")), 400, "invalid_request", "must be a file"),
    "URL for a file": (ONE, form(image=(None, URL)), 400, "invalid_request", "not fetched"),
    "number in JSON": (ONE, {"json": {"image": 1}}, 400, "invalid_request", "text"),
    "no image in JSON": (ONE, {"json": {}}, 400, "invalid_request", "'image'"),
    "JSON list": (ONE, {"json": [1]}, 400, "invalid_request", "object"),
    "broken JSON": (ONE, raw(b"{", "application/json"), 400, "invalid_request", "JSON"),
    "top_k fraction": (
        *(ONE, {"json": {"image": as_base64(encoded(RED)), "top_k": 1.5}}),
        *(422, "invalid_parameter", "'1.5'"),
    ),
    "body too large": (
        *(ONE, raw(bytes(MAX_BODY_BYTES + 1))),
        *(413, "body_too_large", str(MAX_BODY_BYTES)),
    ),
    "chunked body too large": (
        *(ONE, {"content": iter([bytes(60_000)] * 2)}),
        *(413, "body_too_large", str(MAX_BODY_BYTES)),
    ),
    "raw batch as curl sends it": (
        *(BATCH, raw(encoded(RED), "application/x-www-form-urlencoded")),
        *(415, "unsupported_media_type", "x-www"),
    ),
    "too many images": (
        *(BATCH, {"files": [("images", encoded(RED))] * (MAX_IMAGES + 1)}),
        *(422, "invalid_parameter", str(MAX_IMAGES)),
    ),
    "batch of none": (BATCH, {"json": {"images": []}}, 400, "invalid_request", "'images'"),
}
"""What the tests of parsing and of header checks do not ask for."""


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_request_gets_its_error_and_the_next_request_works(
    client: httpx.Client, name: str
) -> None:
    path, request, status, code, text = BAD_REQUESTS[name]
    assert_error(client.post(path, **request), status, code, text)
    assert_red(client.post("/classify", content=encoded(RED)).json())


@pytest.mark.parametrize(
    ("path", "text"), [("/nowhere", "/classify"), ("/static_content/nothing.js", "")]
)
def test_an_unknown_route_is_refused(client: httpx.Client, path: str, text: str) -> None:
    assert_error(client.get(path), 404, "not_found", text)


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("GET", "/classify", "POST"), ("POST", "/livez", "GET")]
)
def test_a_wrong_method_is_refused_with_the_right_ones(
    client: httpx.Client, method: str, path: str, allowed: str
) -> None:
    response = client.request(method, path)
    assert_error(response, 405, "method_not_allowed", allowed)
    assert response.headers["allow"].startswith(allowed)


def assert_error(response: httpx.Response, status: int, code: str, text: str) -> None:
    assert response.status_code == status
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["code"] == code
    assert text in body["error"]["message"]


@pytest.mark.parametrize("path", ["/classify", "/classify_batch", "/health", "/metrics", "/livez"])
@pytest.mark.parametrize(
    "content_type",
    ["application/vnd.bentoml+pickle", "Application/X-Pickle; charset=x", "application/pickle"],
)
def test_pickles_are_refused_on_every_route(
    client: httpx.Client, path: str, content_type: str, tmp_path: Path
) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return os.mkdir, (str(tmp_path / "exploded"),)

    response = client.post(path, **raw(pickle.dumps(Bomb()), content_type))
    assert_error(response, 415, "unsupported_media_type", "")
    assert not (tmp_path / "exploded").exists()


def test_a_url_is_never_fetched(client: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
        client.post(ONE, **form(image=(None, url)))
        client.post(ONE, json={"image": url})
        client.post(BATCH, json={"images": [url]})
        client.post(ONE, content=url)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_no_temporary_file_is_left(client: httpx.Client, toy_server: Server) -> None:
    before = set(toy_server.temporary.rglob("*"))
    client.post("/classify", files={"image": encoded(RED, (900, 900), "BMP")[:90_000]})
    client.post("/classify", files={"image": encoded(RED)})
    assert set(toy_server.temporary.rglob("*")) == before
