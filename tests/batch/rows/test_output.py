import csv
import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch.rows import output as module
from batch.rows.output import write
from batch.rows.row import SCHEMA, table

BEST = {"class_id": 0, "label": 'a "red", one', "confidence": 0.75}
GOOD = {
    **{"path": "a.jpg", **BEST, "predictions": [BEST], "width": 8, "height": 4},
    **{"sha256": "0" * 64, "model": "image_classifier:toy"},
}
BAD = {
    **{"path": "b.jpg", "model": "image_classifier:toy"},
    **{"error_code": "corrupt_image", "error_message": "the image is truncated or corrupt"},
}
ALL = [dict.fromkeys(SCHEMA.names) | each for each in (GOOD, BAD)]


def tables(*rows: Mapping[str, object]) -> list[pa.Table]:
    return [table([each]) for each in rows]


def test_parquet(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    assert write(iter(tables(GOOD, BAD)), file) == {None: 1, "corrupt_image": 1}
    found = pq.read_table(file)
    assert found.schema == SCHEMA
    assert found.to_pylist() == ALL
    assert pq.ParquetFile(file).metadata.num_row_groups == 1


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROUP_ROWS", 2)
    file = tmp_path / "rows.parquet"
    write(iter(tables(GOOD, BAD, GOOD)), file)
    assert pq.read_table(file).to_pylist() == [*ALL, ALL[0]]
    assert pq.ParquetFile(file).metadata.num_row_groups == 2


def test_csv_has_lists_as_json(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    write(iter(tables(GOOD, BAD)), file)
    with file.open(newline="") as opened:
        good, bad = csv.DictReader(opened)
    assert list(good) == SCHEMA.names
    assert (good["path"], good["label"], good["confidence"]) == ("a.jpg", BEST["label"], "0.75")
    assert json.loads(good["predictions"]) == [BEST]
    assert (bad["class_id"], bad["predictions"], bad["error_code"]) == ("", "", "corrupt_image")


def test_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    write(iter(tables(GOOD, BAD)), file)
    assert [json.loads(line) for line in file.read_text().splitlines()] == ALL
