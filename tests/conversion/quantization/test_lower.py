import re
import shutil
import tempfile
from pathlib import Path

import pytest

from conversion.errors import ConversionError
from conversion.gate import gate
from conversion.graph.export import EXTERNAL_DATA_FILE
from conversion.quantization import lower
from conversion.quantization.lower import lowered
from model_comparison import Shortcoming
from model_spec import ModelSpec, Precision


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("CLASSIFIER_DEVICE", "cpu")
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "made"
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_a_model_that_is_allowed_to_fall_short_is_whole_and_marked(
    fp32: Path, greys: Path, made: Path, temporary: Path
) -> None:
    spec = lowered(fp32, made, Precision.INT8, greys, tuple(Shortcoming))
    assert ModelSpec.load(made) == spec.model_copy(update={"comparison": None})
    assert spec.comparison is not None
    assert spec.comparison.photographs == 96
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_a_refusal_is_one_line_and_a_line_for_each_recipe(
    fp32: Path, greys: Path, made: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "LEAST_SPEED_UP", float("inf"))
    with pytest.raises(ConversionError) as caught:
        lowered(fp32, made, Precision.INT8, greys, ())
    reason, headings, *recipes = str(caught.value).splitlines()
    assert re.fullmatch(r"not saved: .* limit inf \(--allow-slower saves it\)", reason)
    assert headings.split() == ["tried", "same", "class", "difference", "×", "fp32"]
    assert recipes[0].startswith("min-max, uint8 activations, ")
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_leaves_no_temporary_files(
    fp32: Path, greys: Path, made: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        assert list(temporary.iterdir()) != []
        raise KeyboardInterrupt

    monkeypatch.setattr(lower, "judge", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lowered(fp32, made, Precision.INT8, greys, ())
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_photographs_none_of_which_can_be_read_are_refused(
    fp32: Path, made: Path, tmp_path: Path, temporary: Path
) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for index in range(12):
        (photographs / f"{index}.jpg").write_bytes(b"no image")
    with pytest.raises(ConversionError, match=r"^none of the 3 .* is /.*/photographs/\d+\.jpg$"):
        lowered(fp32, made, Precision.INT8, photographs, ())


def test_int8_of_more_than_2_gib_is_refused(
    fp32: Path, greys: Path, made: Path, temporary: Path
) -> None:
    large = Path(shutil.copytree(fp32, temporary / "large"))
    (large / EXTERNAL_DATA_FILE).touch()
    with pytest.raises(ConversionError, match="int8 is not made of parameters over 2 GiB"):
        lowered(large, made, Precision.INT8, greys, ())
