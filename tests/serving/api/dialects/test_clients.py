"""Clients that others wrote for other servers, against a real server of ours."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import huggingface_hub.errors
import numpy as np
import pytest
from tritonclient import http as httpclient
from tritonclient.utils import InferenceServerException

from harness.servers import Server
from harness.toys import BLUE, HIGH, LABELS, LOW, RED, encoded, pixels
from tests.support.overlays import python_with

pytestmark = pytest.mark.slow

MODEL = "image_classifier"
ROWS = np.array([[HIGH, LOW, LOW], [LOW, LOW, HIGH]], np.float32)

KSERVE_CALLS = """
import asyncio, base64, json, sys
import numpy as np
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig

async def main(url, *files):
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    images = [open(file, "rb").read() for file in files]
    found = {
        "live": await client.is_server_live(url),
        "ready": await client.is_server_ready(url),
        "model": await client.is_model_ready(url, "image_classifier"),
        "other": await client.is_model_ready(url, "other"),
    }
    as_text = InferInput("image", [len(images)], "BYTES",
        [base64.b64encode(image).decode() for image in images])
    as_bytes = InferInput("image", [len(images)], "BYTES")
    as_bytes.set_data_from_numpy(np.array(images, dtype=object), binary_data=True)
    for name, tensor in {"text": as_text, "bytes": as_bytes}.items():
        request = InferRequest("image_classifier", [tensor], request_id=name)
        response = await client.infer(url, request, model_name="image_classifier")
        found[name] = [response.id, response.outputs[0].as_numpy().tolist()]
    print(json.dumps(found))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def triton(toy_server: Server) -> Iterator[httpclient.InferenceServerClient]:
    client = httpclient.InferenceServerClient(toy_server.url.removeprefix("http://"))
    yield client
    client.close()


def test_tritons_client_learns_what_the_server_has(
    triton: httpclient.InferenceServerClient,
) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready(MODEL)
    assert triton.is_model_ready(MODEL, "toy")
    assert not triton.is_model_ready("other")
    assert triton.get_server_metadata()["name"] == "image_classifier"
    assert [each["name"] for each in triton.get_model_metadata(MODEL)["inputs"]] == [
        "image",
        "pixels",
    ]


@pytest.mark.parametrize("binary_output", [True, False])
@pytest.mark.parametrize("binary_input", [True, False])
def test_tritons_client_sends_pixels(
    triton: httpclient.InferenceServerClient, binary_input: bool, binary_output: bool
) -> None:
    both = np.stack([pixels(RED), pixels(BLUE)])
    tensor = httpclient.InferInput("pixels", list(both.shape), "UINT8")
    tensor.set_data_from_numpy(both, binary_data=binary_input)
    output = httpclient.InferRequestedOutput("probabilities", binary_data=binary_output)
    result = triton.infer(MODEL, [tensor], outputs=[output])
    assert result.as_numpy("probabilities") == pytest.approx(ROWS, abs=1e-6)


def test_tritons_client_sends_encoded_images(triton: httpclient.InferenceServerClient) -> None:
    images = np.array([encoded(RED), encoded(BLUE, (64, 64), "JPEG")], dtype=object)
    tensor = httpclient.InferInput("image", [2], "BYTES")
    tensor.set_data_from_numpy(images)
    result = triton.infer(MODEL, [tensor], model_version="toy", request_id="7")
    assert result.get_response()["id"] == "7"
    assert result.as_numpy("probabilities").argmax(axis=1).tolist() == [0, 2]
    wanted = httpclient.InferRequestedOutput("probabilities", class_count=1)
    best = triton.infer(MODEL, [tensor], outputs=[wanted]).as_numpy("probabilities")
    assert [text.decode().split(":")[1:] for text in best.ravel()] == [
        ["0", LABELS[0]],
        ["2", LABELS[2]],
    ]


def test_tritons_client_tells_what_was_wrong(triton: httpclient.InferenceServerClient) -> None:
    tensor = httpclient.InferInput("image", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([b"no image"], dtype=object))
    with pytest.raises(InferenceServerException, match="not an image") as found:
        triton.infer(MODEL, [tensor])
    assert found.value.status() == "415"


@pytest.fixture(scope="module")
def kserve_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with kserve, which wants other versions of what the service uses."""
    return python_with(tmp_path_factory.mktemp("kserve"), ["kserve>=0.15"])


def test_kserves_client_asks_and_infers(
    toy_server: Server, kserve_python: Path, tmp_path: Path
) -> None:
    files = [tmp_path / "red.png", tmp_path / "blue.png"]
    for file, colour in zip(files, (RED, BLUE), strict=True):
        file.write_bytes(encoded(colour))
    done = subprocess.run(
        [kserve_python, "-c", KSERVE_CALLS, toy_server.url, *files],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    for name in ("text", "bytes"):
        identity, rows = found.pop(name)
        assert identity == name
        assert np.reshape(rows, (2, 3)) == pytest.approx(ROWS, abs=1e-6)
    assert found == {"live": True, "ready": True, "model": True, "other": False}


def test_hugging_faces_client_classifies(toy_server: Server) -> None:
    client = huggingface_hub.InferenceClient(model=toy_server.url)
    found = client.image_classification(encoded(RED))
    assert [(each.label, round(each.score, 6)) for each in found] == [
        (label, round(float(score), 6)) for label, score in zip(LABELS, ROWS[0], strict=True)
    ]
    best = client.image_classification(encoded(BLUE), top_k=1)
    assert [each.label for each in best] == ["blue"]


def test_hugging_faces_client_tells_what_was_wrong(toy_server: Server) -> None:
    client = huggingface_hub.InferenceClient(model=toy_server.url)
    with pytest.raises(huggingface_hub.errors.HfHubHTTPError, match="not an image"):
        client.image_classification(b"no image")
