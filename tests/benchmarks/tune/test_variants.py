from pathlib import Path

import pytest

from benchmarks.measurement.models import Model
from benchmarks.tune.candidates import Variant
from benchmarks.tune.variants import variants
from harness.toys import write_toy_model
from model_comparison import Shortcoming
from model_spec import MODEL_NAME, SPEC_FILE, ModelSpec, Precision
from tests.conversion.gate.test_gate import GOOD


def stored(home: Path, name: str, **changes: object) -> ModelSpec:
    folder = home / "models" / MODEL_NAME / name
    folder.mkdir(parents=True)
    spec = write_toy_model(folder).model_copy(update=changes)
    spec.save(folder)
    return spec


def test_a_graph_that_was_made_for_two_devices_stands_in_once(tmp_path: Path) -> None:
    stored(tmp_path, "fp32")
    for name, device in (("first", "cpu"), ("second", "openvino")):
        comparison = GOOD.model_copy(update={"device": device})
        stored(tmp_path, name, precision=Precision.INT8, comparison=comparison)
    found = variants(Model("toy", f"{MODEL_NAME}:fp32", tmp_path))
    assert [each.precision for each in found] == [Precision.INT8]


def test_the_same_network_in_another_precision_stands_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marked = GOOD.model_copy(update={"shortcomings": (Shortcoming.LESS_ACCURATE,)})
    stored(tmp_path, "fp32")
    stored(tmp_path, "int8", precision=Precision.INT8, comparison=GOOD)
    stored(tmp_path, "ruined", precision=Precision.INT8, comparison=marked)
    stored(tmp_path, "other", precision=Precision.INT8, labels=("cat", "dog", "fish"))
    stored(tmp_path, "torn")
    (tmp_path / "models" / MODEL_NAME / "torn" / SPEC_FILE).write_text("{")
    found = variants(Model("toy", f"{MODEL_NAME}:fp32", tmp_path))
    assert found == [Variant(f"{MODEL_NAME}:int8", Precision.INT8)]
    said = capsys.readouterr().err.splitlines()
    assert sorted(said)[0] == (
        f"{MODEL_NAME}:ruined: left out: it is not shown to be as accurate as fp32"
    )
    assert sorted(said)[1].startswith(f"{MODEL_NAME}:torn: left out: ")
