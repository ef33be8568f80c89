import json
from pathlib import Path

import pytest

from conversion.outputs.labels import read_labels
from tests.support.refusals import refusal


def labels_of(content: str | bytes, folder: Path, name: str = "labels.txt") -> tuple[str, ...]:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_labels(file)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "one\ntwo words\nthree\n"),
        ("labels.txt", "one\r\ntwo words  \r\n  three"),
        ("labels.json", '["one", "two words", "three"]'),
        ("labels.json", '[\n"one",\n" two words",\n"three"\n]\n'),
        # Begun with a byte order mark.
        ("labels.txt", "\ufeffone\ntwo words\nthree"),
        ("labels.json", '\ufeff["one", "two words", "three"]'),
        # As some editors save them.
        ("labels.txt", "one\ntwo words\nthree\n".encode("utf-16")),
        # From class ids to names, in any order, and from names to class ids.
        ("labels.json", '{"0": "one", "1": "two words", "2": "three"}'),
        ("labels.json", '{"2": "three", "0": "one", "1": "two words"}'),
        ("labels.json", '{"three": 2, "one": 0, "two words": 1}'),
        # JSON under another name.
        ("labels.txt", '["one", "two words", "three"]'),
        ("labels.txt", '{"0": "one", "1": "two words", "2": "three"}'),
        ("labels.txt", "0: one\n2: three\n1: two words\n"),
        # transformers' config.json.
        (
            "config.json",
            '{"model_type": "vit", "id2label": {"0": "one", "1": "two words", "2": "three"}}',
        ),
        # CSV, with and without header, in any order of rows and columns.
        ("labels.csv", "id,label\n0,one\n1,two words\n2,three\n"),
        ("labels.csv", "\ufeffid,label\r\n2,three\r\n0,one\r\n1,two words\r\n\r\n"),
        ("labels.csv", 'label;class_id\n"one";0\n"two words";1\nthree;2'),
        ("labels.txt", "0\tone\n1\ttwo words\n2\tthree\n\n\n"),
        ("labels.csv", "one\ntwo words\nthree\n"),
    ],
)
def test_labels_are_lines_or_json(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert labels_of(content, tmp_path, name) == ("one", "two words", "three")


@pytest.mark.parametrize(
    ("name", "content", "labels"),
    [
        ("labels.txt", "tench, Tinca tinca\ncock, hen\n", ("tench, Tinca tinca", "cock, hen")),
        ("labels.csv", 'id,label\n0,"cock, hen"\n1,goldfish\n', ("cock, hen", "goldfish")),
        ("labels.txt", "[other]\ncat\n", ("[other]", "cat")),
        ("labels.txt", "Äpfel\n苹果\n", ("Äpfel", "苹果")),
    ],
    ids=["commas", "commas in CSV", "like JSON", "any alphabet"],
)
def test_labels_may_have_any_characters(
    tmp_path: Path, name: str, content: str, labels: tuple[str, ...]
) -> None:
    assert labels_of(content, tmp_path, name) == labels


def test_more_than_ten_labels_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = {str(number): f"class {number}" for number in sorted(range(12), key=str)}
    found = labels_of(json.dumps(names), tmp_path, "labels.json")
    assert found == tuple(f"class {number}" for number in range(12))


NOT_ALL_NAMES = "must hold one label per class, none empty"
TWICE = "cannot read the labels: a class id or a name stands twice as a key"
ONE = (
    "holds one label, of a network with one output: give --labels with two, the negative class "
    "first, and --activation sigmoid"
)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "labels.txt",
            b"caf\xe9\nbar\n",
            "cannot read the labels: labels.txt is no text in UTF-8 (invalid continuation byte)",
        ),
        (
            "data.yaml",
            "names:\n  0: one\n  1: two\n",
            "data.yaml is YAML; give the labels one a line, as CSV or JSON",
        ),
        (
            "labels.csv",
            "id,wnid,label\n0,n01,one\n1,n02,two\n",
            "cannot read the labels: there are 3 columns; leave two, id and label",
        ),
        (
            "labels.json",
            '{"labels": ["one", "two"]}',
            "labels.json must hold the labels alone, not under 'labels'",
        ),
        (
            "labels.json",
            '["one", "two"',
            "cannot read the labels: Expecting ',' delimiter: line 1 column 14 (char 13)",
        ),
        (
            "labels.txt",
            "cat\ndog\ncat \n",
            "labels.txt has the label 'cat' for the classes 0 and 2; give each class a name of its "
            "own",
        ),
        ("labels.json", '{"0": "one", "0": "two"}', TWICE),
        ("labels.csv", "0,one\n0,two\n", TWICE),
        ("labels.txt", "cat\n", f"labels.txt {ONE}"),
        ("labels.json", '["cat"]', f"labels.json {ONE}"),
        ("labels.txt", "one\n\nthree", f"labels.txt {NOT_ALL_NAMES}"),
        ("labels.txt", "one\n \nthree", f"labels.txt {NOT_ALL_NAMES}"),
        ("labels.json", '["one", ""]', f"labels.json {NOT_ALL_NAMES}"),
        ("labels.json", '["one", 2]', f"labels.json {NOT_ALL_NAMES}"),
        ("labels.json", '{"0": "one", "1": 2}', f"labels.json {NOT_ALL_NAMES}"),
        ("labels.json", '{"0": ["n1", "one"], "1": ["n2"]}', f"labels.json {NOT_ALL_NAMES}"),
        ("labels.json", "3", f"labels.json {NOT_ALL_NAMES}"),
        ("labels.txt", "", "labels.txt holds no labels"),
        ("labels.txt", "\n\n", "labels.txt holds no labels"),
        ("labels.json", "[]", "labels.json holds no labels"),
        ("labels.json", "{}", "labels.json holds no labels"),
    ],
)
def test_what_are_no_labels_is_named(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    assert refusal(labels_of, content, tmp_path, name) == message


@pytest.mark.parametrize(
    ("name", "content", "missing"),
    [
        ("labels.json", '{"1": "one", "2": "two"}', "0"),
        ("labels.json", '{"0": "one", "2": "two"}', "1"),
        ("labels.json", '{"one": "1", "two": "2"}', "0"),
        ("labels.json", '{"one": 1, "two": 2}', "0"),
        ("labels.json", '{"one": 0, "two": 0}', "1"),
        ("labels.json", '{"one": true, "two": false}', "0"),
        ("labels.csv", "0,one\n2,three\n", "1"),
    ],
)
def test_class_ids_that_are_not_all_there_are_refused(
    tmp_path: Path, name: str, content: str, missing: str
) -> None:
    assert refusal(labels_of, content, tmp_path, name) == (
        f"{name} must number its 2 classes from 0 to 1; '{missing}' is missing"
    )


def test_absent_labels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "absent.txt"
    assert refusal(read_labels, path) == f"--labels names the file {path}, which is not there"
    assert refusal(read_labels, tmp_path) == f"--labels takes a file, and {tmp_path} is a folder"
