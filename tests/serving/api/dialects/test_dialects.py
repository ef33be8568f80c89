"""Each protocol over real HTTP, without its own clients."""

import json
import re
import struct
from typing import Any

import httpx
import numpy as np
import pytest

from harness.toys import BLUE, GREEN, HIGH, LABELS, LOW, RED, SIZE, encoded, pixels
from tests.serving.answers import as_base64

pytestmark = pytest.mark.slow

INFER = "/v2/models/image_classifier/infer"
RED_ROW, BLUE_ROW = [HIGH, LOW, LOW], [LOW, LOW, HIGH]


def image_input(*images: bytes) -> dict[str, Any]:
    data = [as_base64(image) for image in images]
    return {"name": "image", "datatype": "BYTES", "shape": [len(data)], "data": data}


def infer(client: httpx.Client, tensor: dict[str, Any], **more: Any) -> httpx.Response:
    return client.post(INFER, json={"inputs": [tensor], **more})


def test_predict_answers_as_the_service_before_it_did(client: httpx.Client) -> None:
    response = client.post("/predict", files={"file": encoded(RED)})
    assert response.status_code == 200
    answer = response.json()
    assert answer.pop("processing_time") > 0
    assert answer == {"class_id": 0, "confidence": round(HIGH, 6), "gpu_utilization": None}


def test_predict_tells_errors_as_the_service_before_it_did(client: httpx.Client) -> None:
    response = client.post("/predict", files={"file": b"no image"})
    assert response.status_code == 415
    assert set(response.json()) == {"detail"}
    assert client.get("/predict").status_code == 405


def test_the_server_and_its_model_describe_themselves(client: httpx.Client) -> None:
    assert client.get("/v2").json() == {
        "name": "image_classifier",
        "version": "toy",
        "extensions": ["binary_tensor_data", "classification"],
    }
    described = client.get("/v2/models/image_classifier/versions/toy").json()
    assert described == client.get("/v2/models/image_classifier").json()
    assert described == {
        "name": "image_classifier",
        "versions": ["toy"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "image", "datatype": "BYTES", "shape": [-1]},
            {"name": "pixels", "datatype": "UINT8", "shape": [-1, SIZE, SIZE, 3]},
        ],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]}],
    }


@pytest.mark.parametrize(
    "path",
    ["/v2/health/live", "/v2/health/ready", "/v2/models/image_classifier/versions/toy/ready"],
)
def test_each_probe_says_live_and_ready(client: httpx.Client, path: str) -> None:
    answer = client.get(path).json()
    assert (answer["live"], answer["ready"]) == (True, True)


def test_images_and_pixels_get_the_same_probabilities(client: httpx.Client) -> None:
    both = np.stack([pixels(RED), pixels(BLUE)])
    tensor = {"name": "pixels", "datatype": "UINT8", "shape": both.shape, "data": both.tolist()}
    answers = [
        infer(client, image_input(encoded(RED), encoded(BLUE, (64, 64), "GIF")), id="a").json(),
        infer(client, tensor, id="a").json(),
    ]
    assert answers[0] == answers[1]
    (output,) = answers[0].pop("outputs")
    assert answers[0] == {"model_name": "image_classifier", "model_version": "toy", "id": "a"}
    assert output.pop("data") == pytest.approx([*RED_ROW, *BLUE_ROW], abs=1e-6)
    assert output == {"name": "probabilities", "datatype": "FP32", "shape": [2, 3]}


def test_binary_tensors_in_and_out(client: httpx.Client) -> None:
    image = encoded(GREEN)
    data = struct.pack("<I", len(image)) + image
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1],
        "parameters": {"binary_data_size": len(data)},
    }
    text = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    response = client.post(
        INFER, content=text + data, headers={"inference-header-content-length": str(len(text))}
    )
    assert response.headers["content-type"] == "application/octet-stream"
    size = int(response.headers["inference-header-content-length"])
    (output,) = json.loads(response.content[:size])["outputs"]
    assert output["parameters"] == {"binary_data_size": 12}
    row = np.frombuffer(response.content[size:], "<f4")
    assert row == pytest.approx([LOW, HIGH, LOW], abs=1e-6)


def test_the_classification_extension_gives_the_best_classes(client: httpx.Client) -> None:
    wanted = [{"name": "probabilities", "parameters": {"classification": 2}}]
    (output,) = infer(client, image_input(encoded(RED)), outputs=wanted).json()["outputs"]
    assert output["datatype"] == "BYTES"
    assert output["shape"] == [1, 2]
    assert output["data"] == [f"{HIGH:f}:0:{LABELS[0]}", f"{LOW:f}:1:{LABELS[1]}"]


@pytest.mark.parametrize(
    ("request_json", "status", "message"),
    [
        ({}, 400, "'inputs' must be a list of one tensor"),
        ({"inputs": [1]}, 400, "'inputs' must be a list of one tensor"),
        ({"inputs": [image_input(encoded(RED))] * 2}, 400, "a list of one tensor"),
        ({"inputs": [image_input(encoded(RED)) | {"shape": [2]}]}, 400, "the shape has 2"),
        ({"inputs": [image_input(encoded(RED)) | {"shape": []}]}, 400, "'shape' must be"),
        ({"inputs": [image_input(encoded(RED)) | {"shape": [True]}]}, 400, "'shape' must be"),
        ({"inputs": [image_input(encoded(RED)) | {"shape": [1, 2]}]}, 400, r"must be \[N\]"),
        ({"inputs": [image_input(encoded(RED)) | {"name": "x"}]}, 400, "the model takes 'image'"),
        ({"inputs": [image_input(*[encoded(RED)] * 5)]}, 422, "5 images sent"),
        ({"inputs": [image_input(b"no image")]}, 415, "not an image"),
        ({"inputs": [image_input(encoded(RED), b"no image")]}, 415, "image 1: "),
        ({"inputs": [image_input(encoded(RED))], "id": 7}, 400, "'id' must be a text"),
        (
            {"inputs": [{"name": "pixels", "datatype": "UINT8", "shape": [1, 4, 4], "data": []}]},
            400,
            r"must be \[N, 4, 4, 3\]",
        ),
        (
            {"inputs": [image_input(encoded(RED))], "outputs": [{"name": "logits"}]},
            400,
            "one output, 'probabilities'",
        ),
        (
            {
                "inputs": [image_input(encoded(RED))],
                "outputs": [{"name": "probabilities", "parameters": {"classification": "2"}}],
            },
            422,
            "'classification' must be",
        ),
    ],
)
def test_what_cannot_be_inferred_is_refused_in_the_protocols_shape(
    client: httpx.Client, request_json: dict[str, Any], status: int, message: str
) -> None:
    response = client.post(INFER, json=request_json)
    assert response.status_code == status
    assert set(response.json()) == {"error"}
    assert re.search(message, response.json()["error"])


def test_an_id_that_no_response_can_hold_is_refused(client: httpx.Client) -> None:
    asked = {"inputs": [image_input(encoded(RED))], "id": "\ud800"}
    response = client.post(INFER, content=json.dumps(asked))
    assert response.status_code == 400
    assert response.json() == {"error": "'id' must be a text that UTF-8 can hold"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/image_classifier/versions/1/ready", 404),
        ("POST", "/v2/models/image_classifier/versions/1/infer", 404),
        ("GET", "/v2/nothing", 404),
        ("GET", INFER, 405),
        ("POST", "/v2/health/live", 405),
    ],
)
def test_wrong_paths_are_refused_in_the_protocols_shape(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert isinstance(response.json()["error"], str)


def test_hugging_faces_task_gets_a_bare_list(client: httpx.Client) -> None:
    expected = [
        {"label": label, "score": round(score, 6)}
        for label, score in zip(LABELS, RED_ROW, strict=True)
    ]
    assert client.post("/", content=encoded(RED)).json() == expected
    asked = {"inputs": as_base64(encoded(RED)), "parameters": {"top_k": 2}}
    assert client.post("/", json=asked).json() == expected[:2]


@pytest.mark.parametrize(
    ("request_json", "status"),
    [
        ({}, 400),
        ({"inputs": "http://a/b.jpg"}, 400),
        ({"inputs": as_base64(encoded(RED)), "parameters": {"top_k": "2"}}, 422),
        ({"inputs": as_base64(encoded(RED)), "parameters": {"function_to_apply": "sigmoid"}}, 422),
        ({"inputs": as_base64(encoded(RED)), "parameters": [2]}, 400),
    ],
)
def test_hugging_faces_task_tells_errors_as_text(
    client: httpx.Client, request_json: dict[str, Any], status: int
) -> None:
    response = client.post("/", json=request_json)
    assert response.status_code == status
    assert isinstance(response.json()["error"], str)


def test_the_page_is_still_at_the_root(client: httpx.Client) -> None:
    assert client.get("/").headers["content-type"].startswith("text/html")
    assert client.put("/").headers["allow"] == "GET, HEAD, POST"
