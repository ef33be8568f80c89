"""Conversions as typed: what is printed, saved and done again."""

import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch.optim.swa_utils import AveragedModel

from conversion.convert_to_onnx import main
from conversion.graph import verify
from conversion.photographs import PHOTOGRAPHS
from model_spec import EXPLANATION_FILE, ONNX_FILE, Interpolation, ModelSpec, Precision, Weights
from tests.conversion.converted import folder_of, golden_answer, golden_pixels, tags
from tests.support.commands import Completed, run

CONVERT = [sys.executable, "-m", "conversion.convert_to_onnx"]
SQUEEZENET = ["--architecture", "squeezenet1_1", "--random-weights", "0"]


def of_home(home: Path) -> dict[str, str]:
    """Variables of a command that uses another BentoML home."""
    return {**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}


@pytest.fixture(scope="module")
def squeezenet(model_store: Path) -> Completed:
    """A conversion as a user would type it."""
    done = run([*CONVERT, *SQUEEZENET], of_home(model_store))
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_the_tag_goes_to_standard_output_and_the_figures_to_standard_error(
    squeezenet: Completed,
) -> None:
    assert re.fullmatch(r"image_classifier:squeezenet1_1-fp32-[0-9a-f]{8}\n", squeezenet.stdout)
    first, prepared, second, resized, third, maps, fourth = squeezenet.stderr.splitlines()
    assert first == "converting squeezenet1_1 (random, seed 0)"
    assert prepared == (
        "resize 256 (shortest_side), crop 224, bilinear, rgb, mean 0.485 0.456 0.406, "
        "std 0.229 0.224 0.225: torchvision SqueezeNet1_1_Weights.IMAGENET1K_V1"
    )
    assert second == "random weights (pretrained: false): the answers will mean nothing"
    assert resized.startswith("resized by the faster resizer where that can: ")
    assert re.fullmatch(
        rf"verified on {len(PHOTOGRAPHS) + 7} images, batches of 1 and 7: max probability "
        r"difference \S+ \(limit 0\.0001\), top-1 agreement 100\.0 %",
        third,
    )
    assert maps == "explanations: class activation maps, which add up to the logits"
    assert fourth == f"saved {squeezenet.stdout.strip()}"


@pytest.mark.slow
def test_the_spec_tells_all_of_a_model(squeezenet: Completed) -> None:
    folder = folder_of(squeezenet.stdout)
    spec = ModelSpec.load(folder)
    assert (spec.architecture, spec.precision, spec.opset) == ("squeezenet1_1", Precision.FP32, 18)
    assert (spec.input_name, spec.output_name) == ("pixels", "probabilities")
    assert spec.preprocessing.interpolation is Interpolation.BILINEAR
    assert spec.pixels_shape == (224, 224, 3)
    assert spec.weights == Weights(
        pretrained=False, source="random, seed 0", sha256=None, licence=None
    )
    assert 0 <= spec.verification.max_abs_diff <= 1e-4
    assert spec.verification.inputs == len(PHOTOGRAPHS) + 7
    assert list(spec.files) == [ONNX_FILE, spec.golden.file, EXPLANATION_FILE]
    assert len(spec.labels) == 1000
    assert (spec.golden.file, spec.golden.tolerance) == ("coffee.jpg", 0.02)
    answer = golden_answer(folder, spec)
    assert int(answer.argmax()) == spec.golden.class_id
    assert answer.max() == pytest.approx(spec.golden.confidence, abs=1e-5)
    assert answer.sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.slow
def test_an_fp16_model_is_a_model_of_its_own_of_half_the_size(
    squeezenet: Completed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SQUEEZENET, "--precision", "fp16"]) == 0
    tag = capsys.readouterr().out
    assert re.fullmatch(r"image_classifier:squeezenet1_1-fp16-[0-9a-f]{8}\n", tag)
    half, full = folder_of(tag), folder_of(squeezenet.stdout)
    spec = ModelSpec.load(half)
    assert (spec.precision, spec.verification.limit) == (Precision.FP16, 0.01)
    assert 0 < spec.verification.max_abs_diff <= 0.01
    share = (half / ONNX_FILE).stat().st_size / (full / ONNX_FILE).stat().st_size
    assert 0.5 < share < 0.55
    np.testing.assert_allclose(golden_answer(half, spec).max(), spec.golden.confidence, atol=0.01)


@pytest.mark.slow
def test_nothing_is_converted_twice(
    squeezenet: Completed, capfd: pytest.CaptureFixture[str]
) -> None:
    before = tags()
    assert main(SQUEEZENET) == 0
    out, err = capfd.readouterr()
    assert out == squeezenet.stdout
    assert err == f"already converted: {out}"
    assert tags() == before


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv, to be root without rights")
def test_a_store_that_cannot_be_written_is_read_but_refused_before_the_work(
    squeezenet: Completed, model_store: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(model_store, home)
    folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
    for path in (*folders, *home.rglob("*")):
        path.chmod(0o555)
    # Root writes where nobody may, unless it gives that right away.
    harmless = ["setpriv", "--bounding-set", "-all"] if os.geteuid() == 0 else []

    command = [*harmless, *CONVERT]
    again = run([*command, *SQUEEZENET], of_home(home))
    other = ["--architecture", "squeezenet1_1", "--random-weights", "9"]
    another = run([*command, *other], of_home(home))
    for path in folders:
        path.chmod(0o755)
    assert (again.returncode, again.stdout) == (0, squeezenet.stdout)
    assert again.stderr.startswith(f"already converted: {squeezenet.stdout}")
    assert (another.returncode, another.stdout) == (1, "")
    assert another.stderr == (
        f"error: the model store {home / 'models'} cannot be written (Permission denied); "
        "BENTOML_HOME names its parent folder\n"
    )


@pytest.mark.slow
def test_by_default_a_pretrained_network_that_knows_an_espresso(default_conversion: Path) -> None:
    tag = (default_conversion / "printed").read_text().strip()
    assert tag.startswith("image_classifier:efficientnet_lite0-fp32-")
    assert "top-1 agreement 100.0 %" in (default_conversion / "log").read_text()
    folder = default_conversion / "home/models" / tag.replace(":", "/")
    spec = ModelSpec.load(folder)
    assert spec.weights.pretrained
    assert spec.weights.licence == "Apache-2.0"
    assert spec.verification.max_abs_diff <= 1e-4
    assert spec.golden.class_id == 967
    assert spec.labels[967] == "espresso"
    answer = golden_answer(folder, spec)
    assert int(answer.argmax()) == 967
    assert answer[967] == pytest.approx(spec.golden.confidence, abs=1e-4)


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
