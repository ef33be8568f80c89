import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from conversion.graph.verify import PyTorchModel
from conversion.photographs import photograph
from conversion.sources.efficientnet_lite import SIZES, EfficientNetLite
from conversion.sources.lookup import source_of
from conversion.weights.files import locked
from harness.servers import PROJECT
from model_spec import Interpolation, Preprocessing, Size
from preprocessing import transform

EVALUATION = PROJECT.parent / "shared" / "images"


@pytest.mark.parametrize(
    ("name", "resize", "crop"),
    [
        ("efficientnet_lite0", 256, 224),
        ("efficientnet_lite1", 272, 240),
        ("efficientnet_lite2", 292, 260),
    ],
)
def test_each_is_prepared_as_tensorflow_published_it(name: str, resize: int, crop: int) -> None:
    found = source_of(name).description
    assert found.preprocessing == Preprocessing(
        resize_size=Size.square(resize),
        crop_size=Size.square(crop),
        interpolation=Interpolation.BICUBIC,
        mean=(127.0, 127.0, 127.0),
        std=(128.0, 128.0, 128.0),
        source="TensorFlow's EfficientNet-Lite",
    )
    labels = found.labels or ()
    assert (len(labels), labels[0], labels[967]) == (1000, "tench", "espresso")


@pytest.mark.parametrize("name", SIZES)
def test_the_packages_files_are_the_locked_ones(name: str) -> None:
    path, weights = EfficientNetLite(name).published()
    lock = locked(name)
    assert lock is not None
    assert (path.name, weights.sha256) == (lock.file, lock.sha256)
    assert (weights.pretrained, weights.licence) == (True, "Apache-2.0")


def test_a_network_has_as_many_classes_as_asked_for() -> None:
    network = EfficientNetLite("efficientnet_lite0").build(3).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 224, 224)).shape == (2, 3)


@pytest.mark.slow
@pytest.mark.skipif(not EVALUATION.exists(), reason="the evaluation photographs are not here")
@pytest.mark.parametrize("name", ["efficientnet_lite1", "efficientnet_lite2"])
def test_a_larger_one_knows_the_photographs(name: str) -> None:
    truth, paths = labelled()
    source = EfficientNetLite(name)
    network = source.build_published(source.published()[0]).eval()
    model = PyTorchModel(network, source.description.preprocessing, 1000)
    pixels = [transform(photograph(path), model.preprocessing) for path in paths]
    answers = [model.probabilities(np.stack([each])).argmax() for each in pixels]
    accuracy = float(np.mean(np.array(answers) == truth))
    print(f"{name}: top-1 {accuracy:.3f} of {len(truth)}")
    assert accuracy >= 0.88


def labelled() -> tuple[np.ndarray, list[Path]]:
    """Class ids of the photographs, and their files."""
    with (EVALUATION / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    truth = np.array([int(row["class_id"]) for row in rows])
    return truth, [EVALUATION / row["file"] for row in rows]
