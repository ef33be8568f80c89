from dataclasses import replace
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest

from conversion import request
from conversion.errors import ConversionError
from conversion.request import Request, Wanted, make_request
from conversion.weights import locked
from model_spec import Precision, Weights

RANDOM = Wanted("squeezenet1_1", None, 0, None, Precision.FP32, 18)


class LaterPrecision(str, Enum):
    """Stands in for those to come: as yet there is only one."""

    FP16 = "fp16"


def labels_of(
    content: str | bytes, folder: Path, name: str = "labels.txt"
) -> tuple[str, ...] | None:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return make_request(replace(RANDOM, labels_file=file)).labels


def own(content: bytes, folder: Path) -> Request:
    file = folder / "mine.pth"
    file.write_bytes(content)
    return make_request(replace(RANDOM, seed=None, location=str(file)))


def test_random_weights_are_not_pretrained_and_have_no_hash() -> None:
    assert make_request(replace(RANDOM, seed=7)) == Request(
        architecture="squeezenet1_1",
        path=None,
        weights=Weights(pretrained=False, source="random, seed 7", sha256=None, licence=None),
        published=False,
        labels=None,
        seed=7,
        precision=Precision.FP32,
        opset=18,
    )


def test_a_users_own_weights_are_pretrained_and_not_published(tmp_path: Path) -> None:
    asked = own(b"weights", tmp_path)
    assert asked.path == tmp_path / "mine.pth"
    assert not asked.published
    assert asked.weights == Weights(
        pretrained=True,
        source="mine.pth",
        sha256=sha256(b"weights").hexdigest(),
        licence=None,
    )


def test_published_weights_are_described_as_the_lock_does() -> None:
    lock = locked("efficientnet_lite0")
    assert lock is not None
    asked = make_request(replace(RANDOM, architecture="efficientnet_lite0", seed=None))
    assert asked.published
    assert asked.path is not None
    assert asked.path.name == lock.file
    assert asked.weights == Weights(
        pretrained=True, source=lock.source, sha256=lock.sha256, licence="Apache-2.0"
    )


def test_absent_weights_are_refused(tmp_path: Path) -> None:
    location = str(tmp_path / "absent.pth")
    with pytest.raises(ConversionError, match=r"^no weights file .*absent\.pth$"):
        make_request(replace(RANDOM, seed=None, location=location))


def test_an_unknown_architecture_has_no_published_weights() -> None:
    with pytest.raises(ConversionError, match=r"^no architecture 'squeezenet1_2'; did you mean "):
        make_request(replace(RANDOM, architecture="squeezenet1_2", seed=None))


def test_equal_requests_have_equal_fingerprints() -> None:
    first, second = make_request(RANDOM), make_request(RANDOM)
    assert first.fingerprint == second.fingerprint
    assert len(first.fingerprint) == 32


def test_whatever_decides_about_the_outcome_changes_the_fingerprint(
    tmp_path: Path,
) -> None:
    asked = make_request(RANDOM)
    different = [
        asked,
        make_request(replace(RANDOM, seed=1)),
        replace(asked, architecture="squeezenet1_0"),
        replace(asked, labels=("one", "two")),
        replace(asked, labels=("two", "one")),
        replace(asked, precision=cast("Precision", LaterPrecision.FP16)),
        replace(asked, opset=20),
        own(b"weights", tmp_path),
        own(b"other weights", tmp_path),
    ]
    assert len({each.fingerprint for each in different}) == len(different)


def test_a_users_own_file_is_known_by_its_content_not_its_folder(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    assert own(b"weights", here).fingerprint == own(b"weights", there).fingerprint


@pytest.mark.parametrize(
    "changed", ["conversion/export.py", "preprocessing/decode.py", "model_spec.py"]
)
def test_a_changed_source_changes_the_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    for name in ("conversion/export.py", "preprocessing/decode.py", "model_spec.py", "service.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(request, "_PROJECT", tmp_path)
    before = make_request(RANDOM).fingerprint
    # The service is no part of a conversion.
    (tmp_path / "service.py").write_text("changed")
    assert make_request(RANDOM).fingerprint == before
    (tmp_path / changed).write_text("changed")
    assert make_request(RANDOM).fingerprint != before


def test_a_changed_photograph_changes_the_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photograph = tmp_path / "photograph.png"
    monkeypatch.setattr(request, "PHOTOGRAPHS", (photograph,))
    photograph.write_bytes(b"before")
    before = make_request(RANDOM).fingerprint
    photograph.write_bytes(b"after")
    assert make_request(RANDOM).fingerprint != before


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
    ],
)
def test_labels_are_lines_or_a_json_list(tmp_path: Path, name: str, content: str) -> None:
    assert labels_of(content, tmp_path, name) == ("one", "two words", "three")


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
        ("labels.json", '{"one": 1}'),
    ],
)
def test_labels_that_are_not_all_names_are_refused(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(ConversionError, match=r"must hold one label per line, none empty$"):
        labels_of(content, tmp_path, name)


@pytest.mark.parametrize(
    ("name", "content"), [("labels.txt", ""), ("labels.txt", "\n\n"), ("labels.json", "[]")]
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
        make_request(replace(RANDOM, labels_file=tmp_path / "absent.txt"))
