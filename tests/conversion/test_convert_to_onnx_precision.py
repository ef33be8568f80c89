"""int8 and bf16 as typed: what is refused before it takes minutes."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from conversion.convert_to_onnx import main
from harness.toys import RED, encoded
from inference.sessions import openvino_session

SQUEEZENET = ("--architecture", "squeezenet1_1", "--random-weights", "0")


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The last line; nothing was exported."""
    assert main([*SQUEEZENET, *arguments]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert "verified on" not in err
    return err.splitlines()[-1]


@pytest.mark.slow
def test_a_folder_with_too_few_photographs_is_refused_before_the_work(
    model_store: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(encoded(RED))
    line = refused(capfd, "--precision", "int8", "--calibration", str(tmp_path))
    assert line == f"error: {tmp_path} has 3 photographs; --calibration needs at least 8"


def test_bf16_is_refused_on_a_processor_without_it(
    model_store: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    core = SimpleNamespace(get_property=lambda *_: ["FP32", "INT8", "BIN"])
    monkeypatch.setattr(openvino_session, "_imported", lambda: SimpleNamespace(Core=lambda: core))
    monkeypatch.setenv("CLASSIFIER_DEVICE", "openvino")
    assert refused(capfd, "--precision", "bf16") == (
        "error: this processor has no instructions for bfloat16 (avx512_bf16 or amx_bf16): take an "
        "fp32 model"
    )


def test_bf16_is_refused_on_another_device(
    model_store: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFIER_DEVICE", "cpu")
    assert refused(capfd, "--precision", "bf16") == (
        "error: a bf16 model needs CLASSIFIER_DEVICE=openvino, not cpu"
    )


@pytest.mark.parametrize("given", [("--calibration", "photographs"), ("--allow-slower",)])
def test_calibration_and_what_is_allowed_are_for_bf16_and_int8(
    given: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*SQUEEZENET, *given])
    assert "are for --precision bf16 or int8" in capsys.readouterr().err
