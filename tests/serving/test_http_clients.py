"""BentoML's own client against a whole server."""

import base64
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
import pytest
from bentoml.exceptions import BentoMLException

from harness.servers import Server
from harness.toys import BLUE, RED, encoded
from tests.serving.answers import assert_red

pytestmark = pytest.mark.slow


def test_bentoml_client_explains(toy_server: Server, tmp_path: Path) -> None:
    image = tmp_path / "red.png"
    image.write_bytes(encoded(RED))
    with bentoml.SyncHTTPClient(toy_server.url) as client:
        answer = client.explain(image=image, class_ids=[2, 0], map="png")
        both = client.classify(image=image, explain=True, class_ids=[2], map="png")
    assert [each["label"] for each in answer["predictions"]] == ["blue", "red"]
    assert both["explanation"]["predictions"] == answer["predictions"][:1]


def test_bentoml_client(toy_server: Server, tmp_path: Path) -> None:
    red, blue = tmp_path / "red.png", tmp_path / "blue.png"
    red.write_bytes(encoded(RED))
    blue.write_bytes(encoded(BLUE))
    with bentoml.SyncHTTPClient(toy_server.url) as client:
        assert_red(client.classify(image=red, top_k=2), top_k=2)
        batch = client.classify_batch(images=[blue, red], top_k=1)
        assert [result["label"] for result in batch["results"]] == ["blue", "red"]
        assert client.classify(image=red, threshold=0.5)["decision"] == "red"
        assert client.classify(image=red, threshold=1.0)["decision"] is None
        assert client.classify(image=red, embedding=True)["embedding"] == [255, 0, 0]
        assert client.classify(image=red, embedding="base64", normalised=True)["embedding"] == (
            base64.b64encode(np.array([1, 0, 0], "<f4").tobytes()).decode()
        )
        batch = client.classify_batch(images=[blue, red], embedding=True)
        assert [each["embedding"] for each in batch["results"]] == [[0, 0, 255], [255, 0, 0]]
        assert client.health()["status"] == "healthy"


def test_bentoml_client_with_none_and_with_a_url(toy_server: Server, tmp_path: Path) -> None:
    red = tmp_path / "red.png"
    red.write_bytes(encoded(RED))
    url = "http://127.0.0.1:1/red.png"
    with bentoml.SyncHTTPClient(toy_server.url) as client:
        assert_red(client.classify(image=red, top_k=None))
        assert len(client.classify_batch(images=[red], top_k=None)["results"]) == 1
        calls: list[tuple[str, dict[str, Any]]] = [
            ("classify", {"image": url}),
            ("classify", {"top_k": 3, "image": url}),
            ("classify_batch", {"images": [url, url]}),
        ]
        for name, arguments in calls:
            with pytest.raises(BentoMLException, match="not fetched") as raised:
                client.call(name, **arguments)
            assert raised.value.error_code == 400
        mixed = client.classify_batch(images=[red, url])["results"]
    assert [result.get("label") for result in mixed] == [None, "red"]
