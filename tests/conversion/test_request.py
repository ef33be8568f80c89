from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conversion import request
from conversion.preprocessing.overrides import Given, Overrides
from conversion.request import Request
from model_spec import Activation, Interpolation, Precision, Weights
from tests.support.refusals import refusal

RANDOM = Request("squeezenet1_1", seed=0)


def own(content: bytes, folder: Path) -> Request:
    file = folder / "mine.pth"
    file.write_bytes(content)
    return replace(RANDOM, seed=None, location=str(file))


def test_random_weights_are_not_pretrained_and_have_no_hash() -> None:
    asked = replace(RANDOM, seed=7)
    assert not asked.published
    assert asked.weights_file == (
        None,
        Weights(pretrained=False, source="random, seed 7", sha256=None, licence=None),
    )


def test_whatever_decides_about_the_outcome_changes_the_fingerprint(tmp_path: Path) -> None:
    labels, swapped, other = (tmp_path / name for name in ("labels.txt", "swapped.txt", "other"))
    other.mkdir()
    labels.write_text("one\ntwo\n")
    swapped.write_text("two\none\n")
    filters = [
        Overrides(interpolation=each) for each in (Interpolation.BICUBIC, Interpolation.LANCZOS)
    ]
    different = [
        RANDOM,
        replace(RANDOM, seed=1),
        replace(RANDOM, architecture="squeezenet1_0"),
        replace(RANDOM, entry="model_ema"),
        replace(RANDOM, labels_file=labels),
        replace(RANDOM, labels_file=swapped),
        replace(RANDOM, precision=Precision.FP16),
        replace(RANDOM, opset=20),
        replace(RANDOM, activation=Activation.SIGMOID),
        replace(RANDOM, threshold="0.6"),
        *(replace(RANDOM, given=Given(each, "command line")) for each in filters),
        own(b"weights", tmp_path),
        own(b"other weights", other),
    ]
    assert len({each.fingerprint for each in different}) == len(different)
    assert all(replace(each).fingerprint == each.fingerprint for each in different)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"labels_file": Path("absent.txt")}, "--labels names the file absent.txt, "),
        ({"threshold": "absent.json"}, "--threshold takes a number "),
        ({"calibration": Path("absent")}, "--calibration takes a folder, and absent is none"),
    ],
)
def test_a_users_own_files_are_looked_at_before_a_download(
    wrong: dict[str, Any], problem: str
) -> None:
    asked = Request("onnx:absent.onnx", **wrong)
    assert refusal(lambda: asked.fingerprint).startswith(problem)


def test_a_users_own_file_is_known_by_its_content_not_its_folder(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    assert own(b"weights", here).fingerprint == own(b"weights", there).fingerprint


@pytest.mark.parametrize(
    "changed", ["conversion/graph/export.py", "conversion/weights/fit.py", "preprocessing_spec.py"]
)
def test_a_changed_source_changes_the_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    for name in (changed, "service.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(request, "_PROJECT", tmp_path)
    before = replace(RANDOM).fingerprint
    # The service is no part of a conversion.
    (tmp_path / "service.py").write_text("changed")
    assert replace(RANDOM).fingerprint == before
    (tmp_path / changed).write_text("changed")
    assert replace(RANDOM).fingerprint != before


def test_a_changed_photograph_changes_the_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photograph = tmp_path / "photograph.png"
    monkeypatch.setattr(request, "PHOTOGRAPHS", (photograph,))
    photograph.write_bytes(b"before")
    before = replace(RANDOM).fingerprint
    photograph.write_bytes(b"after")
    assert replace(RANDOM).fingerprint != before


def test_a_link_that_leads_nowhere_among_the_photographs_changes_nothing(tmp_path: Path) -> None:
    def fingerprint() -> str:
        return Request(seed=0, precision=Precision.INT8, calibration=tmp_path).fingerprint

    before = fingerprint()
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert fingerprint() == before
    (tmp_path / "there.jpg").write_bytes(b"a photograph")
    assert fingerprint() != before
