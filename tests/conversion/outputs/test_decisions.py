"""Networks with sigmoid, converted as their users would, and what the model store has of them."""

from pathlib import Path

import bentoml
import numpy as np
import pytest
import torch

from conversion.convert_to_onnx import main
from conversion.graph.verify import normalised
from inference import open_session
from model_spec import Activation, ModelSpec
from settings import Device
from tests.conversion.test_original import CODE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("model_store")]

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "network_of_channels.py").write_text(CODE)
    return tmp_path


def converted(
    folder: Path, capsys: pytest.CaptureFixture[str], outputs: int, labels: str, *options: str
) -> tuple[ModelSpec, np.ndarray, np.ndarray, torch.Tensor]:
    """The spec, probabilities and embeddings of a network, and the mean colours it reads."""
    weights = {"2.weight": torch.eye(3)[:outputs] * 3, "2.bias": torch.zeros(outputs)}
    torch.save(weights, folder / "mine.pth")
    (folder / "labels.txt").write_text(labels)
    given = ["--weights", "mine.pth", "--labels", "labels.txt", "--activation", "sigmoid"]
    assert main(["--architecture", "network_of_channels:build", *given, *options]) == 0
    path = Path(bentoml.models.get(capsys.readouterr().out.strip()).path)
    session = open_session(path, Device.CPU, intra_op_threads=1)
    probabilities, embeddings = session.run_with_embeddings(PIXELS)
    means = normalised(PIXELS, session.spec.preprocessing).mean((2, 3))
    return session.spec, probabilities, embeddings, means


def test_several_labels_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, probabilities, embeddings, means = converted(
        folder, capsys, 3, "red\ngreen\nblue\n", "--threshold", "0.6"
    )
    assert (spec.activation, spec.multi_label) == (Activation.SIGMOID, True)
    assert spec.thresholds == (0.6,)
    np.testing.assert_allclose(probabilities, torch.sigmoid(3 * means), atol=1e-5)
    np.testing.assert_allclose(embeddings, means, atol=1e-5)


def test_two_classes_by_one_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, probabilities, embeddings, means = converted(folder, capsys, 1, "dull\nred\n")
    assert (spec.activation, spec.multi_label) == (Activation.SIGMOID, False)
    red = torch.sigmoid(3 * means[:, 0])
    np.testing.assert_allclose(probabilities, torch.stack([1 - red, red], dim=1), atol=1e-5)
    np.testing.assert_allclose(embeddings, means, atol=1e-5)
