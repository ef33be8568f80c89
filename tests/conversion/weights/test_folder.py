from pathlib import Path

import pytest

from conversion.errors import ConversionError
from conversion.weights.folder import weights_in

PICKLED = "pytorch_model.bin"
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


def refusal(folder: Path) -> str:
    with pytest.raises(ConversionError) as caught:
        weights_in(folder)
    return str(caught.value)


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
    assert refusal(tmp_path) == (
        f"{tmp_path} is a folder; give what is meant in it: {tmp_path}/checkpoint-1000, "
        f"{tmp_path}/checkpoint-500, {tmp_path}/best.ckpt"
    )


def test_pickled_shards_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin.index.json").touch()
    assert refusal(tmp_path) == (
        f"{tmp_path} holds pickled weights in several files, which are not read together; "
        "save them as safetensors: model.save_pretrained(FOLDER)"
    )


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        f"{tmp_path} is a folder without weights: "
        "no file ends with .pt, .pth, .ckpt, .safetensors, .bin"
    )
