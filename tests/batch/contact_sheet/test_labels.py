from pathlib import Path

import pytest

from batch.contact_sheet.labels import entry_labels, labels_in
from batch.errors import BatchError
from harness.toys import LABELS


def test_folders_name_classes_whatever_stands_before_the_folder_that_was_given() -> None:
    entries = ["blue/in/red/a.jpg", "blue/in/b.jpg", "blue/in/n00000001_green.jpg"]
    found = entry_labels("blue/in/", entries, LABELS, None)
    assert [found.class_of(each) for each in entries] == [0, None, 1]
    assert found.source == "names of folders and files"


def test_wordnet_ids_name_classes_if_all_of_them_occur() -> None:
    entries = ["in/n00000009/a.jpg", "in/n00000002_17.JPEG", "in/n00000005/b.jpg"]
    found = entry_labels("in", entries, LABELS, None)
    assert [found.class_of(each) for each in entries] == [2, 0, 1]
    found = entry_labels("in", entries[:2], LABELS, None)
    assert [found.class_of(each) for each in entries] == [None] * 3


def test_a_table_names_files_in_the_folder_or_as_they_were_listed(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("file,label\n./a.jpg,green\ns3://bucket/b.jpg,2\nred/c.jpg,\nd.jpg,pink\n")
    found = entry_labels("in", [], LABELS, table)
    entries = ["in/a.jpg", "s3://bucket/b.jpg", "in/red/c.jpg", "in/d.jpg", "in/red/e.jpg"]
    assert [found.class_of(each) for each in entries] == [1, 2, None, None, None]
    assert found.source == "mine.csv, column label"


def test_a_table_in_the_folder_counts_unless_another_is_given(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,class_id\na.jpg,2\n")
    own = entry_labels(str(tmp_path), [], LABELS, None)
    assert own.class_of(f"{tmp_path}/a.jpg") == 2
    (tmp_path / "other").mkdir()
    (tmp_path / "other/labels.csv").write_text("file,class_id\na.jpg,1\n")
    given = entry_labels(str(tmp_path), [], LABELS, tmp_path / "other/labels.csv")
    assert given.class_of(f"{tmp_path}/a.jpg") == 1


def test_a_file_that_is_no_table_of_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("file;price\n")
    with pytest.raises(BatchError, match=r"cannot read .*gone.csv: No such file or directory$"):
        labels_in(tmp_path / "gone.csv")
    with pytest.raises(BatchError, match=r"prices.csv has no columns file and class_id, or file"):
        labels_in(tmp_path / "prices.csv")
