from pathlib import Path

import pytest

from benchmarks.measurement import models
from benchmarks.measurement.models import Lowering, Model, RefusedError, obtain_lower
from model_spec import Precision
from settings import Device

RESNET = Model("resnet50", "image_classifier:resnet50-fp32-0")


def refused(model: Model, given: Lowering) -> str:
    with pytest.raises(RefusedError) as caught:
        obtain_lower(model, Precision.INT8, Device.CPU, given)
    return str(caught.value)


def test_a_model_made_by_hand_has_no_int8(tmp_path: Path) -> None:
    model = Model("near_zero", "image_classifier:near_zero")
    assert refused(model, Lowering(tmp_path)) == "near_zero is not converted: it is fp32 only"


def test_int8_needs_photographs() -> None:
    assert refused(RESNET, Lowering()) == "int8 needs photographs: --calibration FOLDER"


def test_models_that_the_gate_refuses_are_taken_only_if_asked_for() -> None:
    folder = Path("photographs")
    assert Lowering(folder).arguments == ["--calibration", "photographs"]
    assert Lowering(folder, allow_marked=True).arguments == [
        *("--calibration", "photographs", "--allow-less-accurate", "--allow-slower")
    ]


@pytest.mark.slow
def test_what_conversion_says_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "HOME", tmp_path)
    monkeypatch.setitem(models._COMMANDS, "resnet50", (*models._CONVERT, "none_of_torchvision"))
    assert refused(RESNET, Lowering(tmp_path)).startswith("no architecture 'none_of_torchvision'")


def test_the_reason_is_the_line_of_the_error_whatever_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "refusing.py").write_text(
        "import sys\nsys.exit('tried two\\nerror: not saved: slower\\nentropy 1.03')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert models._converted(["refusing"], Device.CPU) == ("", "not saved: slower")
