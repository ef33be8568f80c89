import json
from pathlib import Path

import pyarrow as pa
import pytest

from batch.errors import BatchError
from batch.rows.row import table
from batch.rows.run_folder import RunFolder

IDENTITY = {"model": "a", "part_size": 2}


def rows(*paths: str) -> pa.Table:
    return table([{"path": path} for path in paths])


def test_a_part_that_was_saved_is_done_for_whoever_opens_it_again(tmp_path: Path) -> None:
    output = tmp_path / "rows.parquet"
    RunFolder(output, IDENTITY).save(7, rows("a.jpg", "b.jpg"))
    again = RunFolder(output, IDENTITY)
    assert again.done() == {7}
    assert again.rows_of(7, ["a.jpg", "b.jpg"]) == rows("a.jpg", "b.jpg")
    assert json.loads((again.path / "run.json").read_text()) == IDENTITY


def test_a_part_of_other_photographs_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "rows.parquet", IDENTITY)
    folder.save(0, rows("a.jpg"))
    with pytest.raises(BatchError, match="the input has changed since"):
        folder.rows_of(0, ["b.jpg"])


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "rows.parquet", IDENTITY)
    (folder.path / "000000000.parquet").write_bytes(b"half")
    with pytest.raises(BatchError, match=r"000000000.parquet is damaged; delete it and run again"):
        folder.rows_of(0, ["a.jpg"])


def test_another_run_is_refused_unless_it_is_to_be_forgotten(tmp_path: Path) -> None:
    output = tmp_path / "rows.parquet"
    RunFolder(output, IDENTITY).save(0, rows("a.jpg"))
    other = {"model": "b", "part_size": 2}
    with pytest.raises(BatchError, match=r"another kind \(model was a, is b\): finish that one"):
        RunFolder(output, other)
    assert RunFolder(output, other, restart=True).done() == set()


def test_an_output_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    output = tmp_path / "rows.parquet"
    output.write_text("rows")
    with pytest.raises(BatchError, match=r"rows.parquet is there already; --restart replaces it"):
        RunFolder(output, IDENTITY)
    RunFolder(output, IDENTITY, restart=True)
    RunFolder(output, IDENTITY)  # goes on with that
    assert output.read_text() == "rows"


def test_what_a_crash_left_of_a_removal_is_removed(tmp_path: Path) -> None:
    output = tmp_path / "rows.parquet"
    folder = RunFolder(output, IDENTITY)
    folder.save(0, rows("a.jpg"))
    folder.path.rename(tmp_path / "rows.parquet.finished")
    output.write_text("rows")
    with pytest.raises(BatchError, match="is there already"):
        RunFolder(output, IDENTITY)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]
