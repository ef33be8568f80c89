import tomllib
from pathlib import Path

import pytest

from benchmarks.measurement.models import Model
from benchmarks.stacks import forms
from benchmarks.stacks.stacks import DEFAULT, OURS, STACKS, Stack
from harness.servers import PROJECT
from model_spec import Precision
from settings import Device


def test_ours_in_int8_stands_behind_ours_and_peers_stay_in_float32() -> None:
    assert [each.name for each in DEFAULT][:3] == [OURS, "ours_int8", "ours_int8_openvino"]
    assert {each.precision for each in DEFAULT[:1] + DEFAULT[3:]} == {Precision.FP32}


def test_ours_in_int8_is_ours_on_either_engine(tmp_path: Path) -> None:
    model = Model("resnet50", "image_classifier:resnet50-int8-0", tmp_path)
    ours = STACKS[OURS].environment(model, 3000, tmp_path)
    for name, title, device in (
        ("ours_int8", "ours int8", Device.CPU),
        ("ours_int8_openvino", "ours int8 on OpenVINO", Device.OPENVINO),
    ):
        stack = STACKS[name]
        assert (stack.precision, stack.device) == (Precision.INT8, device)
        assert stack.forms == {title: forms.RAW}
        assert stack.command(3000) == STACKS[OURS].command(3000)
        variables = stack.environment(model, 3000, tmp_path)
        assert variables == {**ours, "CLASSIFIER_DEVICE": device.value}
        assert variables["CLASSIFIER_MODEL"] == model.tag


def test_peers_are_given_what_does_the_services_work() -> None:
    peers = PROJECT / "benchmarks" / "peers"
    core, work = ((peers / name).read_text().splitlines() for name in ("core.txt", "work.txt"))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert core[1] == "-r work.txt"
    assert {*core[2:], *work[1:]} <= set(project["dependencies"])


def test_a_peer_that_decodes_or_computes_otherwise_is_told_from_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = STACKS[OURS].versions()
    assert STACKS[OURS].other_work() == ""
    other = {**ours, "pillow": "1.0"}
    del other["simplejpeg"]
    monkeypatch.setattr(Stack, "versions", lambda stack: other)
    assert STACKS["fastapi"].other_work() == (
        f"pillow 1.0 (ours {ours['pillow']}), simplejpeg is missing (ours {ours['simplejpeg']})"
    )
