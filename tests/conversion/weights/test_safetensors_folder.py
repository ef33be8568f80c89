import json
from pathlib import Path

import pytest

from conversion.errors import ConversionError
from conversion.weights.safetensors_folder import sha256_of_shards, shards
from model_spec import sha256_of_file

INDEX = "model.safetensors.index.json"


def index(folder: Path, *files: str) -> None:
    content = {"weight_map": {f"layer{number}": file for number, file in enumerate(files)}}
    (folder / INDEX).write_text(json.dumps(content))


def test_a_single_file_is_taken(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    assert shards(tmp_path) == [tmp_path / "model.safetensors"]


def test_an_index_names_the_files(tmp_path: Path) -> None:
    for name in ("b.safetensors", "a.safetensors"):
        (tmp_path / name).touch()
    index(tmp_path, "b.safetensors", "a.safetensors", "b.safetensors")
    assert shards(tmp_path) == [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]


def test_the_hash_is_of_all_files(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    assert sha256_of_shards([first]) == sha256_of_file(first)
    before = sha256_of_shards([first, second])
    second.write_bytes(b"3")
    assert sha256_of_shards([first, second]) != before


def test_a_folder_without_safetensors_has_none(tmp_path: Path) -> None:
    assert shards(tmp_path) == []


@pytest.mark.parametrize("name", ["absent.safetensors", "../outside.safetensors", ".."])
def test_a_file_that_is_not_beside_the_index_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "outside.safetensors").touch()
    index(folder, name)
    with pytest.raises(ConversionError, match=r"names .*, which is not beside it$"):
        shards(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": 3}'])
def test_an_index_of_another_form_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / INDEX).write_text(content)
    with pytest.raises(ConversionError, match=f"^{INDEX} is no index of safetensors$"):
        shards(tmp_path)
