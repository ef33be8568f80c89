"""What is refused, and that nothing is saved then."""

import re
from pathlib import Path

import pytest

from conversion.convert_to_onnx import main
from conversion.graph import verify
from model_spec import Precision
from tests.conversion.converted import tags


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


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--weights", "README.md"], "README.md is no checkpoint: it is a text file that begins "),
        (["--architecture", "resnet5000", "--random-weights", "0"], "no architecture 'resnet5000'"),
        (["--weights", "absent.pth"], "no weights file absent.pth"),
        (
            ["--random-weights", "0", "--labels", "absent.txt"],
            "--labels names the file ",
        ),
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
