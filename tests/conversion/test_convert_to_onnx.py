import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bentoml
import numpy as np
import onnxruntime
import pytest
import torch
import torchvision
from torch.optim.swa_utils import AveragedModel

from conversion.convert_to_onnx import main
from conversion.graph import verify
from conversion.photographs import PHOTOGRAPHS
from model_spec import (
    EXPLANATION_FILE,
    ONNX_FILE,
    Interpolation,
    ModelSpec,
    Precision,
    Size,
    Weights,
)
from preprocessing import DecodeLimits, decode, transform

PROJECT = Path(__file__).parent.parent.parent
Completed = subprocess.CompletedProcess[str]

SQUEEZENET = ["--architecture", "squeezenet1_1", "--random-weights", "0"]


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    """Take away the log handler that each run of the command adds."""
    ours = logging.getLogger("image_classifier")
    handlers, level = list(ours.handlers), ours.level
    yield
    ours.handlers[:] = handlers
    ours.setLevel(level)


@pytest.fixture(scope="module")
def squeezenet(model_store: Path) -> Completed:
    """A conversion as a user would type it."""
    return subprocess.run(
        [sys.executable, "-m", "conversion.convert_to_onnx", *SQUEEZENET],
        cwd=PROJECT,
        env={**os.environ, "BENTOML_HOME": str(model_store), "BENTOML_DO_NOT_TRACK": "True"},
        capture_output=True,
        text=True,
        check=True,
    )


def folder_of(tag: str) -> Path:
    return Path(bentoml.models.get(tag.strip()).path)


def tags() -> set[str]:
    return {str(model.tag) for model in bentoml.models.list()}


def golden_pixels(folder: Path, spec: ModelSpec) -> np.ndarray:
    image = decode((folder / spec.golden.file).read_bytes(), DecodeLimits(10_000_000, 10.0))
    return np.stack([transform(image, spec.preprocessing)])


def golden_answer(folder: Path, spec: ModelSpec) -> np.ndarray:
    """What the saved files say of their golden image."""
    session = onnxruntime.InferenceSession(
        str(folder / ONNX_FILE), providers=["CPUExecutionProvider"]
    )
    inputs = {spec.input_name: golden_pixels(folder, spec)}
    answer: np.ndarray = session.run([spec.output_name], inputs)[0][0]
    return answer


@pytest.mark.slow
def test_the_tag_alone_goes_to_standard_output(
    squeezenet: Completed,
) -> None:
    assert re.fullmatch(r"image_classifier:squeezenet1_1-fp32-[0-9a-f]{8}\n", squeezenet.stdout)


@pytest.mark.slow
def test_the_figures_go_to_standard_error(squeezenet: Completed) -> None:
    first, prepared, second, third, maps, fourth = squeezenet.stderr.splitlines()
    assert first == "converting squeezenet1_1 (random, seed 0)"
    assert prepared == (
        "resize 256 (shortest_side), crop 224, bilinear, rgb, mean 0.485 0.456 0.406, "
        "std 0.229 0.224 0.225: torchvision SqueezeNet1_1_Weights.IMAGENET1K_V1"
    )
    assert second == "random weights (pretrained: false): the answers will mean nothing"
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
    assert squeezenet.stdout.strip().startswith("image_classifier:squeezenet1_1-fp32-")


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
def test_the_golden_image_gets_pytorchs_answer(
    squeezenet: Completed,
) -> None:
    folder = folder_of(squeezenet.stdout)
    spec = ModelSpec.load(folder)
    assert (spec.golden.file, spec.golden.tolerance) == ("coffee.jpg", 0.02)
    answer = golden_answer(folder, spec)
    assert int(answer.argmax()) == spec.golden.class_id
    assert answer.max() == pytest.approx(spec.golden.confidence, abs=1e-5)
    assert answer.sum() == pytest.approx(1.0, abs=1e-5)


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

    def converted(*arguments: str) -> Completed:
        return subprocess.run(
            [*harmless, sys.executable, "-m", "conversion.convert_to_onnx", *arguments],
            cwd=PROJECT,
            env={**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"},
            capture_output=True,
            text=True,
            check=False,
        )

    again = converted(*SQUEEZENET)
    another = converted("--architecture", "squeezenet1_1", "--random-weights", "9")
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


@pytest.mark.slow
def test_what_differs_from_pytorch_is_not_saved(
    model_store: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    before = tags()
    monkeypatch.setitem(verify.LIMITS, Precision.FP32, 0.0)
    assert main(["--architecture", "squeezenet1_1", "--random-weights", "2"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch(
        r"error: not saved: max probability difference to PyTorch = \S+, limit 0 \(fp32\)",
        err.splitlines()[-1],
    )
    assert tags() == before


@pytest.mark.slow
def test_resnet50_stays_within_the_limit(
    model_store: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--architecture", "resnet50", "--random-weights", "0"]) == 0
    spec = ModelSpec.load(folder_of(capfd.readouterr().out))
    assert spec.architecture == "resnet50"
    assert not spec.weights.pretrained
    assert spec.preprocessing.resize_size == Size.square(232)
    assert spec.verification.max_abs_diff <= 1e-4
    assert spec.verification.top1_agreement == 1.0


@pytest.mark.slow
def test_by_default_a_pretrained_network_that_knows_an_espresso(
    model_store: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0
    out, err = capfd.readouterr()
    assert out.startswith("image_classifier:efficientnet_lite0-fp32-")
    assert "top-1 agreement 100.0 %" in err
    folder = folder_of(out)
    spec = ModelSpec.load(folder)
    assert spec.weights.pretrained
    assert spec.weights.licence == "Apache-2.0"
    assert spec.verification.max_abs_diff <= 1e-4
    assert spec.golden.class_id == 967
    assert spec.labels[967] == "espresso"
    answer = golden_answer(folder, spec)
    assert int(answer.argmax()) == 967
    assert answer[967] == pytest.approx(spec.golden.confidence, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--weights", "README.md"], "README.md is no checkpoint: it is a text file that begins "),
        (["--architecture", "resnet5000", "--random-weights", "0"], "no architecture 'resnet5000'"),
        (["--weights", "absent.pth"], "no weights file absent.pth"),
        (["--random-weights", "0", "--labels", "absent.txt"], "cannot read the labels: "),
    ],
)
def test_what_cannot_be_converted_is_said_in_one_line(
    model_store: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    assert main(arguments) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith(f"error: {problem}")
    assert "Traceback" not in err


def test_own_labels_must_fit_the_published_weights(
    model_store: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    assert main(["--labels", str(tmp_path / "labels.txt")]) == 1
    assert capfd.readouterr().err.splitlines()[-1] == (
        "error: 2 labels do not fit the published weights, which tell 1000 classes apart; "
        "add --weights with your own"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--weights", "mine.pth", "--random-weights", "0"],
        ["--random-weights", "many"],
        ["--random-weights", "0", "--entry", "model"],
        ["--precision", "fp1"],
        ["--opset", "latest"],
        ["--nothing"],
        ["resnet50"],
    ],
)
def test_wrong_arguments_are_refused_with_the_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: python -m conversion.convert_to_onnx ")
