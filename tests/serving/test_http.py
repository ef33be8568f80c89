"""Answers of a whole server, in every form in which it can be asked."""

import base64
from functools import partial
from typing import Any

import httpx
import pytest

from harness.servers import Server, metric
from harness.toys import BLACK, BLUE, RED, encoded
from model_spec import ModelSpec
from tests.serving.answers import MODEL, as_base64, assert_red

pytestmark = pytest.mark.slow

FORM_TYPE = {"content-type": "multipart/form-data; boundary=B"}
FORM_OF = '--B\r\ncontent-disposition: form-data; name="image"{}\r\n\r\n'
FORM_END = encoded(RED) + b"\r\n--B--\r\n"

CLASSIFY_FORMS: dict[str, dict[str, Any]] = {
    "form": {"files": {"image": ("red.png", encoded(RED))}},
    "form, alias": {"files": {"file": ("red.png", encoded(RED))}},
    "form, wrong part type": {"files": {"image": ("a.txt", encoded(RED), "text/plain")}},
    "form, hostile file name": {"files": {"image": ("../" * 50 + "x" * 400, encoded(RED))}},
    "form, file name of old clients": {
        "content": FORM_OF.format("; filename*=UTF-8''r%C3%B6t.png").encode() + FORM_END,
        "headers": FORM_TYPE,
    },
    "form, neither file name nor type": {
        "content": FORM_OF.format("").encode() + FORM_END,
        "headers": FORM_TYPE,
    },
    "form, top_k of None": {"files": {"image": encoded(RED)}, "data": {"top_k": "null"}},
    "raw, image": {"content": encoded(RED), "headers": {"content-type": "image/png"}},
    "raw, wrong image type": {"content": encoded(RED), "headers": {"content-type": "image/jpg"}},
    "raw, bytes": {
        "content": encoded(RED),
        "headers": {"content-type": "application/octet-stream"},
    },
    "raw, curl's default": {
        "content": encoded(RED),
        "headers": {"content-type": "application/x-www-form-urlencoded"},
    },
    "raw, no type": {"content": encoded(RED)},
    "raw, chunked": {"content": iter([encoded(RED)[:20], encoded(RED)[20:]])},
    "json": {"json": {"image": as_base64(encoded(RED))}},
    "json, data URI": {"json": {"image": "data:image/png;base64," + as_base64(encoded(RED))}},
    "json, top_k of None": {"json": {"image": as_base64(encoded(RED)), "top_k": None}},
    "json, more classes than there are": {"json": {"image": as_base64(encoded(RED)), "top_k": 99}},
    "json, wrapped lines": {"json": {"image": base64.encodebytes(encoded(RED)).decode()}},
}


@pytest.mark.parametrize("form", CLASSIFY_FORMS)
def test_every_form_of_a_request_gets_the_same_answer(client: httpx.Client, form: str) -> None:
    response = client.post("/classify", **CLASSIFY_FORMS[form])
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert_red(response.json())


IN_TEXT = {"top_k": "2", "threshold": "1", "embedding": "list"}


@pytest.mark.parametrize(
    "request_",
    [
        {"files": {"image": encoded(RED)}, "data": IN_TEXT},
        {"files": {"image": encoded(RED)}, "params": IN_TEXT},
        {"files": {"image": encoded(RED)}, "data": IN_TEXT, "params": {"top_k": "1"}},
        {"content": encoded(RED), "params": IN_TEXT},
        {"json": {"image": as_base64(encoded(RED)), "top_k": 2, "threshold": 1, "embedding": True}},
    ],
    ids=["field", "query", "field before query", "raw with query", "json key"],
)
def test_parameters_may_be_fields_a_query_or_keys(
    client: httpx.Client, request_: dict[str, Any]
) -> None:
    answer = client.post("/classify", **request_).json()
    assert answer.pop("decision") is None
    assert answer.pop("reason") == "the confidence 0.992248 in 'red' is below its threshold 1.0"
    assert answer.pop("embedding") == [255.0, 0.0, 0.0]
    assert_red(answer, top_k=2)


def test_a_batch_is_answered_in_the_order_sent(client: httpx.Client) -> None:
    images = [encoded(colour) for colour in (BLUE, RED, BLACK)]
    form = {"files": [("images", image) for image in images], "data": {"threshold": "0.5"}}
    body = {"json": {"images": [as_base64(image) for image in images], "threshold": 0.5}}
    for request in (form, body):
        answer = client.post("/classify_batch", **request).json()
        assert [result["decision"] for result in answer["results"]] == ["blue", "red", None]
        assert answer["model"] == MODEL


def test_a_bad_image_of_a_batch_is_an_error_in_its_place(client: httpx.Client) -> None:
    files: list[tuple[str, Any]] = [
        ("images", ("0.png", encoded(BLUE))),
        ("images", ("1.png", b"no image")),
        ("images", ("2.png", b"")),
        ("images", (None, "http://127.0.0.1/x.png")),
    ]
    response = client.post("/classify_batch", files=files)
    assert response.status_code == 200
    results = response.json()["results"]
    assert results[0]["label"] == "blue"
    assert [result["error"]["code"] for result in results[1:]] == [
        "unsupported_image",
        "invalid_request",
        "invalid_request",
    ]


HEALTH = {
    "status": "healthy",
    "reason": None,
    "model_loaded": True,
    "gpu_available": False,
    "gpu_utilization": None,
    "device": "cpu",
    "execution_providers": ["CPUExecutionProvider"],
    "model": MODEL,
    "architecture": "toy",
    "precision": "fp32",
    "preprocessing": (
        "resize 4 (shortest_side), crop 4, bilinear, rgb, mean 0, std 0.003922: by hand"
    ),
    "shortcomings": [],
    "pretrained": True,
}


EXPLAIN_FORMS: dict[str, dict[str, Any]] = {
    "form": {"files": {"image": encoded(RED)}, "data": {"class_ids": "2,0", "map": "png"}},
    "raw": {"content": encoded(RED), "params": {"class_ids": "2,0", "map": "png"}},
    "json": {"json": {"image": as_base64(encoded(RED)), "class_ids": [2, 0], "map": "png"}},
}


@pytest.mark.parametrize("form", EXPLAIN_FORMS)
def test_every_form_of_a_request_gets_the_same_explanation(client: httpx.Client, form: str) -> None:
    response = client.post("/explain", **EXPLAIN_FORMS[form])
    assert response.status_code == 200
    answer = response.json()
    blue, red = answer["predictions"]
    assert (blue["label"], red["label"]) == ("blue", "red")
    assert red["map"]["png"].startswith("data:image/png;base64,iVBORw0KGgo")
    assert answer["method"] == "occlusion"
    assert answer["image"] == {"width": 8, "height": 8}


def test_several_images_are_not_explained(client: httpx.Client) -> None:
    response = client.post(
        "/classify_batch", files={"images": encoded(RED)}, data={"explain": "true"}
    )
    assert response.status_code == 422
    assert response.json()["error"]["message"] == ("explain is for one image; send it to /classify")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_health(client: httpx.Client, method: str) -> None:
    response = client.request(method, "/health")
    assert response.status_code == 200
    health = response.json()
    assert health.pop("uptime") > 0
    assert health == HEALTH


def test_probes_pages_and_documents(client: httpx.Client) -> None:
    probes = ("/livez", "/readyz", "/healthz")
    for path in (*probes, "/", "/docs", "/schema.json", "/docs.json", "/metrics"):
        assert client.get(path).status_code == 200, path


def test_the_model_is_described_in_full(client: httpx.Client, toy_spec: ModelSpec) -> None:
    described = client.get("/model").json()
    assert described.pop("model") == "image_classifier:toy"
    assert described == toy_spec.model_dump(mode="json")


def test_metrics_count_requests_and_batches(client: httpx.Client, toy_server: Server) -> None:
    def counted() -> list[float]:
        total = partial(metric, toy_server, "bentoml_service_request_total")
        ok = total(endpoint="/classify", http_response_code="200")
        images = metric(toy_server, "image_classifier_batch_size_sum")
        return [ok, total(endpoint="other"), images]

    before = counted()
    client.post("/classify", content=encoded(RED))
    client.get("/random/path")
    after = counted()
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 1]
    assert "/random/path" not in client.get("/metrics").text
