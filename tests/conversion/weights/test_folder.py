import json
from pathlib import Path

import pytest

from conversion.errors import ConversionError
from conversion.weights.folder import sha256_of_shards, shards_of, weights_in
from model_spec import sha256_of_file
from tests.support.refusals import refusal

PICKLED = "pytorch_model.bin"
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([SINGLE, PICKLED, "optimizer.pt"], SINGLE),
        ([INDEX, "model-00001-of-00002.safetensors"], INDEX),
        ([PICKLED, "training_args.bin"], PICKLED),
    ],
)
def test_the_weights_in_a_checkpoint_folder_are_found(
    tmp_path: Path, files: list[str], expected: str
) -> None:
    for name in files:
        (tmp_path / name).touch()
    assert weights_in(tmp_path) == tmp_path / expected


def test_a_folder_of_checkpoints_names_them(tmp_path: Path) -> None:
    for name in ("checkpoint-500", "checkpoint-1000", "runs"):
        (tmp_path / name).mkdir()
    (tmp_path / "best.ckpt").touch()
    assert refusal(weights_in, tmp_path) == (
        f"{tmp_path} is a folder; give what is meant in it: {tmp_path}/checkpoint-1000, "
        f"{tmp_path}/checkpoint-500, {tmp_path}/best.ckpt"
    )


def test_pickled_shards_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin.index.json").touch()
    assert refusal(weights_in, tmp_path) == (
        f"{tmp_path} holds pickled weights in several files, which are not read together; "
        "save them as safetensors: model.save_pretrained(FOLDER)"
    )


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(weights_in, tmp_path) == (
        f"{tmp_path} is a folder without weights: "
        "no file ends with .pt, .pth, .ckpt, .safetensors, .bin"
    )


def index(folder: Path, *files: str) -> Path:
    content = {"weight_map": {f"layer{number}": file for number, file in enumerate(files)}}
    (folder / INDEX).write_text(json.dumps(content))
    return folder / INDEX


def test_an_index_names_the_files(tmp_path: Path) -> None:
    for name in ("b.safetensors", "a.safetensors"):
        (tmp_path / name).touch()
    names = index(tmp_path, "b.safetensors", "a.safetensors", "b.safetensors")
    assert shards_of(names) == [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]


@pytest.mark.parametrize("name", ["absent.safetensors", "../outside.safetensors", ".."])
def test_a_file_that_is_not_beside_the_index_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "outside.safetensors").touch()
    with pytest.raises(ConversionError, match=r"names .*, which is not beside it$"):
        shards_of(index(folder, name))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": 3}'])
def test_an_index_of_another_form_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / INDEX).write_text(content)
    with pytest.raises(ConversionError, match=f"^{INDEX} is no index of safetensors$"):
        shards_of(tmp_path / INDEX)


def test_the_hash_is_of_all_files(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    assert sha256_of_shards([first]) == sha256_of_file(first)
    before = sha256_of_shards([first, second])
    second.write_bytes(b"3")
    assert sha256_of_shards([first, second]) != before
