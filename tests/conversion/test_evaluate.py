import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import bentoml
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from conversion.evaluate import main
from harness.servers import PROJECT, environment, toy_home
from harness.toys import (
    BLUE,
    GREEN,
    RED,
    encoded,
    toy_graph,
    write_softmax_toy,
    write_toy_model,
)
from model_spec import ONNX_FILE, ModelSpec, sha256_of_file
from tests.support.commands import python

TOY, ALWAYS_RED, OTHER = (f"image_classifier:{name}" for name in ("toy", "always-red", "other"))


def write_always_red(folder: Path) -> None:
    """The toy, but red begins with 1,000 instead of 1."""
    spec = write_toy_model(folder)
    graph = toy_graph()
    one = next(each for each in graph.graph.initializer if each.name == "one")
    one.CopyFrom(numpy_helper.from_array(np.array([1000, 1, 1], np.float32), "one"))
    onnx.save(graph, folder / ONNX_FILE)
    files = {**spec.files, ONNX_FILE: sha256_of_file(folder / ONNX_FILE)}
    spec.model_copy(update={"files": files}).save(folder)


@pytest.fixture(scope="module", autouse=True)
def _models(model_store: Path) -> None:
    with bentoml.models.create(TOY) as model:
        write_toy_model(Path(model.path))
    with bentoml.models.create(ALWAYS_RED) as model:
        write_always_red(Path(model.path))
    with bentoml.models.create(OTHER) as model:
        spec = write_toy_model(Path(model.path))
        spec.model_copy(update={"labels": ("rot", "grün", "blau")}).save(Path(model.path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two red ones, one green, and one blue that is called green; one is broken."""
    for name, colour in {"red/a": RED, "red/b": RED, "green/c": GREEN, "green/d": BLUE}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).with_suffix(".png").write_bytes(encoded(colour))
    (tmp_path / "red/e.jpg").write_bytes(b"no image")
    return tmp_path


def test_it_prints_what_it_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "f.png").write_bytes(encoded(RED))
    assert main([str(folder), "--model", TOY]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:9] == [
        f"{folder}: 6 photographs, 1 not classified, 1 without label",
        "labels: folders named after classes",
        "unsupported_image: 1 (red/e.jpg)",
        "",
        f"{TOY} on cpu",
        "top-1              75.00% of 4 labelled photographs (95 % interval 30.1% to 95.4%)",
        "top-5              not told, as it has no more classes than five",
        # One bin: |3/4 - 256/258|.
        "calibration error  0.2422 (15 equal bins; mean confidence 0.9922)",
        lines[8],
    ]
    assert lines[8].startswith("images/s           ")
    assert lines[9:] == [
        *("", "worst classes", "  1 of 2  green (1)"),
        *("", "most frequent confusions", "  1 ×  green (1) taken for blue (2)"),
    ]


def test_it_stores_its_answers_as_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index, colour in enumerate((RED, RED, BLUE)):
        (tmp_path / f"{index}.png").write_bytes(encoded(colour))
    assert main([str(tmp_path), "--model", TOY, "--store-reference"]) == 0
    told, _, tag = capsys.readouterr().out.splitlines()[-1].rpartition(" ")
    assert told == "with these answers as reference:"
    stored = ModelSpec.load(Path(bentoml.models.get(tag).path))
    assert stored.reference is not None
    assert stored.reference.classes == {0: 2, 2: 1}
    assert stored.reference.confidences == (0,) * 9 + (3,)
    bentoml.models.delete(tag)


def test_json_has_the_same_and_the_page_the_mistake(folder: Path, tmp_path: Path) -> None:
    result, shown = tmp_path / "result.json", tmp_path / "page.html"
    assert main([str(folder), "--model", TOY, "--json", str(result), "--html", str(shown)]) == 0
    content = json.loads(result.read_text())
    (model,) = content["models"]
    assert (content["photographs"], content["unlabelled"]) == (5, 0)
    assert content["failures"] == {"unsupported_image": ["red/e.jpg"]}
    assert (model["tag"], model["device"], model["pretrained"]) == (TOY, "cpu", True)
    assert (model["scores"]["photographs"], model["scores"]["top_1"]) == (4, 0.75)
    (confusion,) = model["scores"]["confusions"]
    assert (confusion["class_id"], confusion["label"]) == (1, "green")
    assert (confusion["predicted"], confusion["predicted_label"]) == (2, "blue")
    assert confusion["photographs"] == 1
    assert content["comparison"] is None
    assert "<code>green/d.png</code>" in shown.read_text()
    assert sorted(path for path in tmp_path.iterdir() if path.is_file()) == [shown, result]


def test_two_models_are_compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "--model", TOY, "--against", ALWAYS_RED]) == 0
    output = capsys.readouterr().out
    assert f"{ALWAYS_RED} on cpu\ntop-1              50.00% of 4 labelled" in output
    assert "toy beside always-red: the same class on 50.00% of 4 photographs" in output
    assert "top-1 differs by +25.00 points" in output
    assert "only the first is right on 1, only the second on 0; McNemar's exact p = 1\n" in output


def test_without_labels_models_can_only_be_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_bytes(encoded(RED))
    assert main([str(tmp_path), "--model", TOY]) == 1
    assert capsys.readouterr().err.startswith(f"error: no photograph in {tmp_path} has a label: ")
    assert main([str(tmp_path), "--model", TOY, "--against", ALWAYS_RED]) == 0
    assert "the same class on 100.00% of 1 photographs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "image_classifier:nowhere"], "no model image_classifier:nowhere in the "),
        (["--model", "image_classifier:a:b"], "no model image_classifier:a:b: "),
        (["--model", TOY, "--against", OTHER], f"{TOY} and {OTHER} have different classes"),
        (
            ["--model", TOY, "--json", "/nowhere/result.json"],
            "/nowhere/result.json cannot be written: No such file",
        ),
        (["--model", TOY, "--html", "/"], "/ is a folder, not a file to write"),
    ],
)
def test_what_cannot_be_is_one_line(
    folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {message}")
    assert (captured.err.count("\n"), captured.out) == (1, "")


def test_nothing_but_broken_files_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "red").mkdir()
    (tmp_path / "red/a.jpg").write_bytes(b"no image")
    assert main([str(tmp_path), "--model", TOY]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: none of the photographs in {tmp_path} was classified: unsupported_image 1"
    )


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path) -> None:
    home, results = toy_home(tmp_path), tmp_path / "results"
    photographs = tmp_path / "photographs/red"
    photographs.mkdir(parents=True)
    results.mkdir()
    content = encoded(RED)
    for index in range(6_000):
        (photographs / f"{index}.png").write_bytes(content)
    command = [
        *(sys.executable, "-m", "conversion.evaluate", str(photographs.parent)),
        *("--json", str(results / "a.json"), "--html", str(results / "a.html")),
    ]
    variables = environment(home, tmp_path, {})
    with subprocess.Popen(
        command, cwd=PROJECT, env=variables, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        progress = process.stderr.readline()
        assert re.fullmatch(r"classifying: [\d,]+ of 6,000 photographs\n", progress), progress
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().splitlines()[-1:] == ["interrupted: no file is half written"]
    assert process.returncode == 130
    assert list(results.iterdir()) == []


@pytest.mark.slow
def test_it_needs_no_torch() -> None:
    script = "import sys, conversion.evaluate; print('torch' in sys.modules)"
    assert python("-c", script) == "False\n"


@pytest.fixture
def reddish(tmp_path: Path) -> Path:
    """40 photographs that the toy calls red by 201/353; 8 of them are called green."""
    image = encoded((200, 100, 50))
    for index in range(40):
        path = tmp_path / ("green" if index < 8 else "red") / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(image)
    return tmp_path


def test_a_temperature_and_a_threshold_are_told_and_stored(
    reddish: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with bentoml.models.create("image_classifier:softmax") as model:
        write_softmax_toy(Path(model.path))
    options = ["--model", "image_classifier:softmax", "--at-precision", "0.5", "--store"]
    assert main([str(reddish), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    told, _, tag = lines[-1].rpartition(" ")
    assert told == "with that temperature:"
    stored = ModelSpec.load(Path(bentoml.models.get(tag).path))
    powers = np.array([201, 101, 51]) ** (1 / stored.temperature)
    probabilities = powers / powers.sum()
    # At the best temperature the mean logit that is expected is the mean logit of the labels.
    logits = np.log([201, 101, 51])
    assert probabilities @ logits == pytest.approx(0.8 * logits[0] + 0.2 * logits[1], abs=0.02)
    assert stored.thresholds == pytest.approx((probabilities[0],), abs=1e-5)
    assert any(line.startswith(f"temperature        {stored.temperature:.3g} ") for line in lines)
    assert any(line.startswith("threshold          0.569405 for a precision") for line in lines)
    bentoml.models.delete(tag)


def test_what_was_not_found_is_not_stored(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "--model", TOY, "--store"]) == 1
    assert (
        "\nerror: not stored: no temperature was fitted; that takes 40 " in capsys.readouterr().err
    )


@pytest.mark.parametrize("share", ["0", "1.1", "half"])
def test_a_precision_is_a_share(share: str, folder: Path) -> None:
    with pytest.raises(SystemExit):
        main([str(folder), "--model", TOY, "--at-precision", share])
