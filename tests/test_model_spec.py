import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from errors import StartupError
from harness.toys import GOLDEN_FILE, HIGH, LABELS, write_toy_model
from model_spec import (
    EXPLANATION_FILE,
    ONNX_FILE,
    SPEC_FILE,
    Interpolation,
    ModelSpec,
    Precision,
    sha256_of_file,
)


def changed(folder: Path, **fields: Any) -> None:
    path = folder / SPEC_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    written = write_toy_model(tmp_path)
    loaded = ModelSpec.load(tmp_path)

    assert loaded == written
    assert loaded.labels == LABELS
    assert loaded.pixels_shape == (4, 4, 3)
    assert loaded.preprocessing.interpolation is Interpolation.BILINEAR
    assert loaded.precision is Precision.FP32
    assert (loaded.golden.file, loaded.golden.confidence) == (GOLDEN_FILE, HIGH)


def test_the_file_is_readable_json_of_format_2(toy_folder: Path, toy_spec: ModelSpec) -> None:
    text = (toy_folder / SPEC_FILE).read_text(encoding="utf-8")

    assert text.endswith("}\n")
    assert "\n  " in text
    content = json.loads(text)
    assert content["format_version"] == 2
    assert content["preprocessing"]["interpolation"] == "bilinear"
    assert content["labels"] == list(LABELS)
    assert content["files"] == toy_spec.files


def test_labels_of_every_script_survive(toy_folder: Path, toy_spec: ModelSpec) -> None:
    labels = ("rød", "緑", "blue, navy")
    toy_spec.model_copy(update={"labels": labels}).save(toy_folder)

    assert ModelSpec.load(toy_folder).labels == labels


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"surprise": 1}, "surprise: Extra inputs are not permitted"),
        ({"format_version": "2"}, "format_version: Input should be 2"),
        ({"activation": "relu"}, "activation: Input should be 'softmax' or 'sigmoid'"),
        ({"multi_label": True}, "multi_label needs the activation sigmoid"),
        ({"thresholds": [0.5, 0.5]}, "2 thresholds for 3 classes"),
        ({"reference": {"classes": {"3": 1}, "confidences": [0] * 9 + [1]}}, "without a label"),
        ({"reference": {"classes": {"0": 1}, "confidences": [1]}}, "1 bins of confidence, not 10"),
        (
            {"reference": {"classes": {"0": 2}, "confidences": [0] * 9 + [1]}},
            "different numbers of photographs",
        ),
        ({"thresholds": [1.01]}, "thresholds.0: Input should be less than or equal to 1"),
        ({"labels": []}, "labels: Tuple should have at least 1 item"),
        ({"labels": None}, "labels: Input should be a valid"),
        ({"precision": "int4"}, "precision: Input should be 'fp32'"),
        ({"files": {ONNX_FILE: "ABC"}}, "String should match pattern '^[0-9a-f]{64}$'"),
    ],
)
def test_a_spec_that_is_not_understood_is_refused(
    fields: dict[str, Any], problem: str, toy_folder: Path
) -> None:
    changed(toy_folder, **fields)

    with pytest.raises(StartupError, match=re.escape(problem)) as caught:
        ModelSpec.load(toy_folder)
    assert str(caught.value).startswith(
        f"{toy_folder / SPEC_FILE} is not a model spec of this version ("
    )


@pytest.mark.parametrize(("version", "age"), [(1, "an older"), (3, "a newer")])
def test_a_spec_of_another_format_is_refused(version: int, age: str, toy_folder: Path) -> None:
    changed(toy_folder, format_version=version)

    with pytest.raises(StartupError) as caught:
        ModelSpec.load(toy_folder)
    assert str(caught.value) == (
        f"{toy_folder / SPEC_FILE} was made by {age} version (format {version}); "
        "convert the model again"
    )


@pytest.mark.parametrize("thresholds", [(), (0.5,), (0.0, 0.5, 1.0)])
def test_thresholds_are_none_one_or_one_per_class(
    thresholds: tuple[float, ...], toy_folder: Path
) -> None:
    changed(toy_folder, thresholds=thresholds)

    assert ModelSpec.load(toy_folder).thresholds == thresholds


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format_version": 2}'],
    ids=["empty", "cut short", "a list", "null", "not UTF-8", "fields missing"],
)
def test_broken_json_is_refused(content: bytes, toy_folder: Path) -> None:
    (toy_folder / SPEC_FILE).write_bytes(content)

    with pytest.raises(
        StartupError,
        match=r"spec\.json is not a model spec of this version .*; convert the model again$",
    ):
        ModelSpec.load(toy_folder)


@pytest.mark.parametrize("name", [SPEC_FILE, ONNX_FILE])
def test_a_missing_file_is_named(name: str, toy_folder: Path) -> None:
    (toy_folder / name).unlink()

    with pytest.raises(StartupError, match=f"^cannot read the model: .*{re.escape(name)}"):
        ModelSpec.load(toy_folder)


def test_a_missing_file_that_only_explanations_need_is_named(mapped_folder: Path) -> None:
    (mapped_folder / EXPLANATION_FILE).unlink()

    with pytest.raises(StartupError, match=rf"^cannot read the model: .*{EXPLANATION_FILE}"):
        ModelSpec.load(mapped_folder)


def test_maps_without_their_file_are_refused(mapped_folder: Path) -> None:
    spec = ModelSpec.load(mapped_folder)
    files = {name: sha256 for name, sha256 in spec.files.items() if name != EXPLANATION_FILE}
    spec.model_copy(update={"files": files}).save(mapped_folder)

    with pytest.raises(StartupError, match=rf"files has no sha256 of {EXPLANATION_FILE}"):
        ModelSpec.load(mapped_folder)


def test_a_missing_folder_is_a_startup_error(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"^cannot read the model: "):
        ModelSpec.load(tmp_path / "nothing")


def test_a_file_other_than_the_converted_one_is_refused(toy_folder: Path) -> None:
    model = toy_folder / ONNX_FILE
    model.write_bytes(model.read_bytes() + b"\0")

    with pytest.raises(StartupError) as caught:
        ModelSpec.load(toy_folder)
    assert str(caught.value) == (
        f"{model} is not the file that was converted (sha256 differs); "
        "delete the model and convert again"
    )


def test_a_spec_cannot_be_changed(toy_spec: ModelSpec) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        toy_spec.labels = ("other",)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # FIPS 180-4's own examples.
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ],
)
def test_sha256_of_a_file(content: bytes, expected: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)

    assert sha256_of_file(tmp_path / "file") == expected


def test_sha256_of_a_file_longer_than_one_piece(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8193  # 2 MiB and 256 bytes
    (tmp_path / "file").write_bytes(content)

    assert sha256_of_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["model.onnx", "golden.png"])
def test_a_file_without_a_hash_is_refused(name: str, toy_folder: Path, toy_spec: ModelSpec) -> None:
    files = {other: sha256 for other, sha256 in toy_spec.files.items() if other != name}
    toy_spec.model_copy(update={"files": files}).save(toy_folder)
    with pytest.raises(StartupError, match=f"files has no sha256 of {name}"):
        ModelSpec.load(toy_folder)
