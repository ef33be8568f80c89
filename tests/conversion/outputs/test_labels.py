import json
from pathlib import Path

import pytest

from conversion.errors import ConversionError
from conversion.outputs.labels import read_labels


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
def test_labels_are_lines_or_json(tmp_path: Path, name: str, content: str) -> None:
    assert labels_of(content, tmp_path, name) == ("one", "two words", "three")


def test_labels_may_be_in_utf_16_as_some_editors_save_them(tmp_path: Path) -> None:
    assert labels_of("one\nzwölf\n".encode("utf-16"), tmp_path) == ("one", "zwölf")


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
            b"names:\n  0: one\n  1: two\n",
            "data.yaml is YAML; give the labels one a line, as CSV or JSON",
        ),
        (
            "labels.csv",
            b"id,wnid,label\n0,n01,one\n1,n02,two\n",
            "cannot read the labels: there are 3 columns; leave two, id and label",
        ),
        (
            "labels.json",
            b'{"labels": ["one", "two"]}',
            "labels.json must hold the labels alone, not under 'labels'",
        ),
    ],
)
def test_what_is_no_file_of_labels_is_named(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(ConversionError) as caught:
        labels_of(content, tmp_path, name)
    assert str(caught.value) == message


def test_more_than_ten_labels_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = {str(number): f"class {number}" for number in sorted(range(12), key=str)}
    found = labels_of(json.dumps(names), tmp_path, "labels.json")
    assert found == tuple(f"class {number}" for number in range(12))


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        ('{"1": "one", "2": "two"}', "0"),
        ('{"0": "one", "2": "two"}', "1"),
        ('{"one": "1", "two": "2"}', "0"),
        ('{"one": 1, "two": 2}', "0"),
        ('{"one": 0, "two": 0}', "1"),
        ('{"one": true, "two": false}', "0"),
    ],
)
def test_class_ids_that_are_not_all_there_are_refused(
    tmp_path: Path, content: str, missing: str
) -> None:
    with pytest.raises(ConversionError) as caught:
        labels_of(content, tmp_path, "labels.json")
    assert str(caught.value) == (
        f"labels.json must number its 2 classes from 0 to 1; '{missing}' is missing"
    )


def test_a_class_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConversionError,
        match=r"^cannot read the labels: a class id or a name stands twice ",
    ):
        labels_of('{"0": "one", "0": "two"}', tmp_path, "labels.json")


@pytest.mark.parametrize(("name", "content"), [("labels.txt", "cat\n"), ("labels.json", '["cat"]')])
def test_one_label_alone_is_refused_with_what_to_do(
    tmp_path: Path, name: str, content: str
) -> None:
    with pytest.raises(ConversionError) as caught:
        labels_of(content, tmp_path, name)
    assert str(caught.value) == (
        f"{name} holds one label, of a network with one output: "
        "give --labels with two, the negative class first, and --activation sigmoid"
    )


def test_labels_may_have_commas(tmp_path: Path) -> None:
    content = "tench, Tinca tinca\ngoldfish, Carassius auratus\n"
    assert labels_of(content, tmp_path) == ("tench, Tinca tinca", "goldfish, Carassius auratus")
    quoted = 'id,label\n0,"tench, Tinca tinca"\n1,goldfish\n'
    assert labels_of(quoted, tmp_path, "labels.csv") == ("tench, Tinca tinca", "goldfish")


def test_an_id_that_stands_twice_in_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="a class id or a name stands twice as a key"):
        labels_of("0,one\n0,two\n", tmp_path, "labels.csv")


def test_an_id_that_is_missing_in_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError) as caught:
        labels_of("0,one\n2,three\n", tmp_path, "labels.csv")
    assert str(caught.value) == ("labels.csv must number its 2 classes from 0 to 1; '1' is missing")


def test_a_label_that_stands_twice_is_refused_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(ConversionError) as caught:
        labels_of("cat\ndog\ncat \n", tmp_path)
    assert str(caught.value) == (
        "labels.txt has the label 'cat' for the classes 0 and 2; give each class a name of its own"
    )


def test_a_label_may_begin_like_json(tmp_path: Path) -> None:
    assert labels_of("[other]\ncat\n", tmp_path) == ("[other]", "cat")


def test_labels_may_have_letters_of_any_alphabet(tmp_path: Path) -> None:
    assert labels_of("Äpfel\n苹果\n", tmp_path) == ("Äpfel", "苹果")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "one\n\nthree"),
        ("labels.txt", "one\n \nthree"),
        ("labels.json", '["one", ""]'),
        ("labels.json", '["one", 2]'),
        ("labels.json", '{"0": "one", "1": 2}'),
        ("labels.json", '{"0": ["n1", "one"], "1": ["n2", "two"]}'),
        ("labels.json", "3"),
    ],
)
def test_labels_that_are_not_all_names_are_refused(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(ConversionError, match=r"must hold one label per class, none empty$"):
        labels_of(content, tmp_path, name)


@pytest.mark.parametrize(
    ("name", "content"),
    [("labels.txt", ""), ("labels.txt", "\n\n"), ("labels.json", "[]"), ("labels.json", "{}")],
)
def test_no_labels_at_all_are_refused(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(ConversionError, match=r"holds no labels$"):
        labels_of(content, tmp_path, name)


@pytest.mark.parametrize(
    ("name", "content"), [("labels.txt", b"\xc4pfel\n"), ("labels.json", b'["one", "two"')]
)
def test_unreadable_labels_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(ConversionError, match=r"^cannot read the labels: ") as caught:
        labels_of(content, tmp_path, name)
    assert "\n" not in str(caught.value)


def test_absent_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"^cannot read the labels: .*absent\.txt"):
        read_labels(tmp_path / "absent.txt")
