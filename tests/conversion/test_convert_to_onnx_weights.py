"""Weights and labels of a user's own."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch.optim.swa_utils import AveragedModel

from conversion.convert_to_onnx import main
from conversion.graph import verify
from model_spec import ModelSpec
from tests.conversion.converted import folder_of, golden_answer, golden_pixels, tags


@pytest.mark.slow
def test_a_users_own_weights_and_labels(
    model_store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(1)
    theirs = torchvision.models.squeezenet1_1(num_classes=3).eval()
    torch.save(theirs.state_dict(), tmp_path / "mine.pth")
    (tmp_path / "labels.txt").write_text("cup\nsaucer\nspoon\n")
    mine = ["--weights", str(tmp_path / "mine.pth"), "--labels", str(tmp_path / "labels.txt")]
    assert main(["--architecture", "squeezenet1_1", *mine]) == 0
    folder = folder_of(capfd.readouterr().out)
    spec = ModelSpec.load(folder)
    assert spec.labels == ("cup", "saucer", "spoon")
    # Nobody has trained it.
    assert not spec.weights.pretrained
    assert spec.weights.source == "mine.pth"
    expected = verify.PyTorchModel(theirs, spec.preprocessing, 3).probabilities(
        golden_pixels(folder, spec)
    )
    np.testing.assert_allclose(golden_answer(folder, spec), expected[0], atol=1e-5)


@pytest.mark.slow
def test_a_trained_entry_of_a_users_checkpoint(
    model_store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(1)
    theirs = torchvision.models.squeezenet1_1(num_classes=3).train()
    theirs(torch.randn(1, 3, 64, 64)).logsumexp(1).sum().backward()
    torch.optim.SGD(theirs.parameters(), lr=0.001).step()
    plain = {name: tensor + 1 for name, tensor in theirs.state_dict().items()}
    content = {
        "model": plain,
        "model_ema": AveragedModel(theirs).state_dict(),
        "best": np.float64(1),
    }
    torch.save(content, tmp_path / "mine.pth")
    (tmp_path / "labels.json").write_text('{"0": "cup", "1": "saucer", "2": "spoon"}')
    mine = ["--weights", str(tmp_path / "mine.pth"), "--labels", str(tmp_path / "labels.json")]
    assert main(["--architecture", "squeezenet1_1", *mine, "--entry", "model_ema"]) == 0
    out, err = capfd.readouterr()
    assert err.splitlines()[3] == "took 'model_ema.module' from mine.pth; not used: model"
    folder = folder_of(out)
    spec = ModelSpec.load(folder)
    assert spec.labels == ("cup", "saucer", "spoon")
    assert spec.weights.pretrained
    assert spec.weights.source == "mine.pth, entry model_ema.module"
    expected = verify.PyTorchModel(theirs.eval(), spec.preprocessing, 3).probabilities(
        golden_pixels(folder, spec)
    )
    np.testing.assert_allclose(golden_answer(folder, spec), expected[0], atol=1e-5)


@pytest.mark.slow
def test_weights_for_another_number_of_classes_are_refused(
    model_store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = tags()
    torch.save(torchvision.models.squeezenet1_1(num_classes=3).state_dict(), tmp_path / "mine.pth")
    mine = ["--weights", str(tmp_path / "mine.pth")]
    assert main(["--architecture", "squeezenet1_1", *mine]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    first, _, warning, error = err.splitlines()
    assert first == "converting squeezenet1_1 (mine.pth)"
    assert warning == (
        "this preprocessing is the default of squeezenet1_1; if mine.pth was trained with "
        "another, its answers will be wrong: say so with --resize, --crop, … or --preprocessing"
    )
    assert error == ("error: mine.pth tells 3 classes apart; give --labels with one for each")
    assert tags() == before


def test_own_labels_must_fit_the_published_weights(
    model_store: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    assert main(["--labels", str(tmp_path / "labels.txt")]) == 1
    assert capfd.readouterr().err.splitlines()[-1] == (
        "error: 2 labels do not fit the published weights, which tell 1000 classes apart; "
        "add --weights with your own"
    )
