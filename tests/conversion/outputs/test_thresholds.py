import json
from pathlib import Path
from typing import Any

import pytest

from conversion.errors import ConversionError
from conversion.outputs.thresholds import read_facts, read_thresholds
from tests.support.refusals import refusal

LABELS = ("cat", "dog", "bird")


def written(folder: Path, content: Any) -> str:
    path = folder / "thresholds.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.mark.parametrize("text", ["0", "0.5", "1"])
def test_a_number_is_for_all_classes(text: str) -> None:
    assert read_thresholds(text, LABELS) == (float(text),)
    assert read_facts(text) == text


@pytest.mark.parametrize(
    "content", [[0.1, 0.2, 1], {"dog": 0.2, "bird": 1, "cat": 0.1}], ids=["list", "object"]
)
def test_a_file_has_one_per_class(content: Any, tmp_path: Path) -> None:
    path = written(tmp_path, content)
    assert read_thresholds(path, LABELS) == (0.1, 0.2, 1.0)
    assert read_facts(path) == json.dumps(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([0.1], "thresholds.json has 1 thresholds for 3 classes"),
        ("0.5", "thresholds.json has 0 thresholds for 3 classes"),
        ({"cat": 0.1, "bird": 0.1}, "thresholds.json has no threshold for 'dog'"),
        (dict.fromkeys((*LABELS, "fish"), 0.1), "thresholds.json has a threshold for no class: 'f"),
        ([0.1, 0.2, 1.1], "thresholds.json: a threshold is a number from 0 to 1, not 1.1"),
        ([0.1, 0.2, True], "not True"),
        ([0.1, 0.2, "0.3"], "not '0.3'"),
        ("[NaN, 0.1, 0.1]", "not nan"),
        ("[0.1", "thresholds.json is not JSON: "),
    ],
)
def test_a_file_that_does_not_fit_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    assert message in refusal(read_thresholds, written(tmp_path, content), LABELS)


@pytest.mark.parametrize("text", ["1.1", "-0.1", "nan", "inf"])
def test_a_number_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(ConversionError, match="--threshold: a threshold is a number from 0 to 1"):
        read_thresholds(text, LABELS)


def test_what_is_neither_a_number_nor_a_file_is_refused(tmp_path: Path) -> None:
    for read in (read_facts, lambda text: read_thresholds(text, LABELS)):
        with pytest.raises(
            ConversionError,
            match=r"JSON file, and .*nothing\.json is neither$",
        ):
            read(str(tmp_path / "nothing.json"))
