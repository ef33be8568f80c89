from pathlib import Path

import pytest

from conversion.errors import ConversionError
from conversion.evaluation.labels import LabelledFolder, read_folder
from harness.toys import LABELS
from tests.support.refusals import refusal


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def classes(found: LabelledFolder) -> dict[str, int | None]:
    return {each.name: each.class_id for each in found.photographs}


@pytest.mark.parametrize(
    ("name", "class_id"),
    [("red", 0), ("green", 1), ("Green", 1), ("1", 1), ("01", 1), ("n00000002_green", 1)],
)
def test_a_folder_is_named_after_a_class(tmp_path: Path, name: str, class_id: int) -> None:
    put(tmp_path, f"{name}/a.jpg")
    found = read_folder(tmp_path, LABELS)
    assert classes(found) == {f"{name}/a.jpg": class_id}
    assert (found.source, found.notes) == ("folders named after classes", ())


def test_words_may_be_joined_by_underscores(tmp_path: Path) -> None:
    put(tmp_path, "great_white_shark/a.jpg", "n01484850_Great_white_shark.JPEG")
    found = read_folder(tmp_path, ("tench", "great white shark"))
    assert set(classes(found).values()) == {1}
    assert found.source == "folders named after classes and file names of ImageNet"


def test_wordnet_ids_of_all_classes_are_in_their_order(tmp_path: Path) -> None:
    put(tmp_path, "n00000009/a.jpg", "n00000002_17.JPEG", "n00000005/b.jpg")
    assert classes(read_folder(tmp_path, LABELS)) == {
        "n00000002_17.JPEG": 0,
        "n00000005/b.jpg": 1,
        "n00000009/a.jpg": 2,
    }


def test_wordnet_ids_of_some_classes_say_nothing(tmp_path: Path) -> None:
    put(tmp_path, "n00000009/a.jpg", "n00000002_17.JPEG")
    assert set(classes(read_folder(tmp_path, LABELS)).values()) == {None}


def test_the_nearest_folder_that_names_a_class_counts(tmp_path: Path) -> None:
    put(tmp_path, "red/blue/a.jpg", "red/day 2/b.jpg")
    assert classes(read_folder(tmp_path, LABELS)) == {"red/blue/a.jpg": 2, "red/day 2/b.jpg": 0}


def test_other_folders_are_without_label_and_named(tmp_path: Path) -> None:
    put(tmp_path, "red/a.jpg", "pink/b.jpg", "3/c.jpg", "d.jpg", "1.jpg")
    found = read_folder(tmp_path, LABELS)
    assert {name for name, class_id in classes(found).items() if class_id is None} == {
        *("pink/b.jpg", "3/c.jpg", "d.jpg", "1.jpg")
    }
    assert found.notes == (
        "folders that name none of the model's classes, or several: 3, pink (2)",
    )


def test_a_label_of_several_classes_names_none(tmp_path: Path) -> None:
    put(tmp_path, "crane/a.jpg", "0/b.jpg")
    found = read_folder(tmp_path, ("crane", "crane"))
    assert classes(found) == {"0/b.jpg": 0, "crane/a.jpg": None}


def test_a_table_counts_alone(tmp_path: Path) -> None:
    put(tmp_path, "red/a.jpg", "b.jpg", "c")
    text = "\ufefffile,class_id\n./red/a.jpg,2\nc,0\nb.jpg,\nlost.jpg,1\n"
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    found = read_folder(tmp_path, LABELS)
    assert classes(found) == {"red/a.jpg": 2, "b.jpg": None, "c": 0}
    assert found.source == "labels.csv, column class_id"
    assert found.notes == ("files that labels.csv names and that are not there: lost.jpg (1)",)


def test_a_table_may_have_labels(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "mine.csv").write_text("label,file\ngreen,a.jpg\ngren,b.jpg\n")
    found = read_folder(tmp_path, LABELS)
    assert classes(found) == {"a.jpg": 1, "b.jpg": None}
    assert found.notes == ("label in mine.csv that the model does not have: gren (1)",)


def test_a_class_id_beyond_the_models_is_no_class(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    (tmp_path / "labels.csv").write_text("file,class_id\na.jpg,3\n")
    found = read_folder(tmp_path, LABELS)
    assert classes(found) == {"a.jpg": None}
    assert found.notes == ("class_id in labels.csv that the model does not have: 3 (1)",)


def test_other_tables_are_named(tmp_path: Path) -> None:
    put(tmp_path, "red/a.jpg")
    (tmp_path / "prices.csv").write_text("file;price\n")
    assert read_folder(tmp_path, LABELS).notes == (
        "CSV files without the columns file and class_id or label: prices.csv (1)",
    )


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"a.csv": b"file,class_id\na.jpg,1\na.jpg,2\n"}, "a.csv, line 3: a.jpg is 2 here and 1"),
        (
            dict.fromkeys(("a.csv", "b.csv"), b"file,class_id\n"),
            "several files with labels: a.csv, ",
        ),
        ({"a.csv": b"file,label\n\xff\xfe,x\n"}, "a.csv: 'utf-8' codec"),
    ],
    ids=["contradiction", "two", "no text"],
)
def test_tables_that_are_unclear_are_refused(
    tmp_path: Path, tables: dict[str, bytes], message: str
) -> None:
    for name, content in tables.items():
        (tmp_path / name).write_bytes(content)
    assert message in refusal(read_folder, tmp_path, LABELS)


def test_hidden_files_and_others_are_no_photographs(tmp_path: Path) -> None:
    put(tmp_path, "red/.a.jpg", ".red/a.jpg", "README.md")
    with pytest.raises(ConversionError, match=r"has no photographs \(files that end with \.avif "):
        read_folder(tmp_path, LABELS)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"nowhere is no folder$"):
        read_folder(tmp_path / "nowhere", LABELS)


def test_a_name_that_is_no_utf8_is_printable(tmp_path: Path) -> None:
    put(tmp_path, b"red/\xff.jpg".decode(errors="surrogateescape"))
    assert classes(read_folder(tmp_path, LABELS)) == {"red/\ufffd.jpg": 0}
