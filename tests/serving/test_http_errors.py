"""What bad requests get, over real HTTP, and that they harm nobody else."""

import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serving.answers import as_base64, assert_red
from tests.serving.conftest import MAX_BODY_BYTES, MAX_IMAGES
from tests.support.servers import Server
from tests.support.toys import RED, encoded

pytestmark = pytest.mark.slow


def form(**parts: Any) -> dict[str, Any]:
    return {"files": parts}


def raw(body: bytes, content_type: str = "image/png") -> dict[str, Any]:
    return {"content": body, "headers": {"content-type": content_type}}


BROKEN_FORM = raw(b"--x\r\nnonsense", "multipart/form-data; boundary=x")
CUT_JPEG = encoded(RED, (64, 64), "JPEG")[:640]
HUGE_IMAGE = encoded(RED, (1001, 1000))
LONG_IMAGE = encoded(RED, (210, 10))

BAD_REQUESTS: dict[str, tuple[str, str, dict[str, Any], int, str, str]] = {
    "not an image": ("POST", "/classify", raw(b"hello"), 415, "unsupported_image", "JPEG, PNG"),
    "truncated": (
        "POST",
        "/classify",
        raw(CUT_JPEG, "image/jpeg"),
        422,
        "corrupt_image",
        "truncated",
    ),
    "zero bytes": ("POST", "/classify", raw(b""), 400, "invalid_request", "0 bytes"),
    "empty file": ("POST", "/classify", form(image=b""), 400, "invalid_request", "0 bytes"),
    "missing field": ("POST", "/classify", form(img=b"x"), 400, "invalid_request", "'img'"),
    "text for a file": (
        "POST",
        "/classify",
        form(image=(None, "cat")),
        400,
        "invalid_request",
        "must be a file",
    ),
    "URL for a file": (
        "POST",
        "/classify",
        form(image=(None, "http://127.0.0.1:1/a.png")),
        400,
        "invalid_request",
        "not fetched",
    ),
    "URL in JSON": (
        "POST",
        "/classify",
        {"json": {"image": "http://127.0.0.1:1/a.png"}},
        400,
        "invalid_request",
        "not fetched",
    ),
    "URL in a form without files": (
        "POST",
        "/classify",
        {"data": {"top_k": "3", "image": "http://127.0.0.1:1/a.png"}},
        400,
        "invalid_request",
        "not fetched",
    ),
    "URLs in a form without files": (
        "POST",
        "/classify_batch",
        {"data": {"images": ["http://127.0.0.1:1/a.png"] * 2}},
        400,
        "invalid_request",
        "not fetched",
    ),
    "raw batch as curl sends it": (
        "POST",
        "/classify_batch",
        raw(encoded(RED), "application/x-www-form-urlencoded"),
        415,
        "unsupported_media_type",
        "x-www",
    ),
    "number in JSON": ("POST", "/classify", {"json": {"image": 1}}, 400, "invalid_request", "text"),
    "no image in JSON": ("POST", "/classify", {"json": {}}, 400, "invalid_request", "'image'"),
    "JSON list": ("POST", "/classify", {"json": [1]}, 400, "invalid_request", "object"),
    "broken JSON": (
        "POST",
        "/classify",
        raw(b"{", "application/json"),
        400,
        "invalid_request",
        "JSON",
    ),
    "deep JSON": (
        "POST",
        "/classify",
        raw(b"[" * 50_000, "application/json"),
        400,
        "invalid_request",
        "JSON",
    ),
    "broken form": ("POST", "/classify", BROKEN_FORM, 400, "invalid_request", "form"),
    "form without boundary": (
        "POST",
        "/classify",
        raw(b"x", "multipart/form-data"),
        400,
        "invalid_request",
        "boundary",
    ),
    "two images": (
        "POST",
        "/classify",
        {"files": [("image", encoded(RED)), ("image", encoded(RED))]},
        400,
        "invalid_request",
        "/classify_batch",
    ),
    "top_k zero": (
        "POST",
        "/classify?top_k=0",
        raw(encoded(RED)),
        422,
        "invalid_parameter",
        "at least 1",
    ),
    "top_k text": (
        "POST",
        "/classify?top_k=many",
        raw(encoded(RED)),
        422,
        "invalid_parameter",
        "'many'",
    ),
    "top_k fraction": (
        "POST",
        "/classify",
        {"json": {"image": as_base64(encoded(RED)), "top_k": 1.5}},
        422,
        "invalid_parameter",
        "'1.5'",
    ),
    "too many pixels": (
        "POST",
        "/classify",
        raw(HUGE_IMAGE),
        413,
        "image_too_large",
        "1001 x 1000",
    ),
    "absurd aspect": (
        "POST",
        "/classify",
        raw(LONG_IMAGE),
        422,
        "extreme_aspect_ratio",
        "210 x 10",
    ),
    "body too large": (
        "POST",
        "/classify",
        raw(bytes(MAX_BODY_BYTES + 1)),
        413,
        "body_too_large",
        str(MAX_BODY_BYTES),
    ),
    "unsupported type": (
        "POST",
        "/classify",
        raw(b"<x/>", "application/xml"),
        415,
        "unsupported_media_type",
        "application/xml",
    ),
    "raw batch": (
        "POST",
        "/classify_batch",
        raw(encoded(RED)),
        415,
        "unsupported_media_type",
        "image/png",
    ),
    "too many images": (
        "POST",
        "/classify_batch",
        {"files": [("images", encoded(RED))] * (MAX_IMAGES + 1)},
        422,
        "invalid_parameter",
        str(MAX_IMAGES),
    ),
    "batch of none": (
        "POST",
        "/classify_batch",
        {"json": {"images": []}},
        400,
        "invalid_request",
        "'images'",
    ),
    "unknown route": ("GET", "/nowhere", {}, 404, "not_found", "/classify"),
    "unknown asset": ("GET", "/static_content/nothing.js", {}, 404, "not_found", ""),
    "wrong method": ("GET", "/classify", {}, 405, "method_not_allowed", "POST"),
    "wrong method, BentoML's page": ("POST", "/livez", {}, 405, "method_not_allowed", "GET"),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_request_gets_its_error_and_the_next_request_works(
    client: httpx.Client, name: str
) -> None:
    method, path, request, status, code, text = BAD_REQUESTS[name]
    response = client.request(method, path, **request)
    assert response.status_code == status
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["code"] == code
    assert text in body["error"]["message"]
    assert_red(client.post("/classify", content=encoded(RED)).json())


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

    response = client.post(
        path, content=pickle.dumps(Bomb()), headers={"content-type": content_type}
    )
    assert response.status_code == 415
    assert response.json()["error"]["code"] == "unsupported_media_type"
    assert not (tmp_path / "exploded").exists()


def test_a_chunked_body_is_bounded_too(client: httpx.Client) -> None:
    response = client.post("/classify", content=iter([bytes(60_000), bytes(60_000)]))
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "body_too_large"


def test_an_announced_body_that_is_too_large_is_not_read(toy_server: Server) -> None:
    host, port = toy_server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999\r\n\r\n"
        )
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in answer


def test_405_lists_the_allowed_methods(client: httpx.Client) -> None:
    assert client.get("/classify").headers["allow"] == "POST"


def test_a_url_is_never_fetched(client: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
        client.post("/classify", files={"image": (None, url)})
        client.post("/classify", json={"image": url})
        client.post("/classify_batch", json={"images": [url]})
        client.post("/classify", content=url)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_no_temporary_file_is_left(client: httpx.Client, toy_server: Server) -> None:
    before = set(toy_server.temporary.rglob("*"))
    client.post("/classify", files={"image": encoded(RED, (900, 900), "BMP")[:90_000]})
    client.post("/classify", files={"image": encoded(RED)})
    assert set(toy_server.temporary.rglob("*")) == before
