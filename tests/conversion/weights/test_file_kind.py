import zipfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save
from torch import nn

from conversion.weights.file_kind import Format, format_of
from harness import toys

STATE = {"weight": torch.zeros(2, 3)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a file whose name says nothing."""
    return tmp_path / "file.of.any.name"


def written(write: Callable[[BytesIO], object]) -> bytes:
    """What a library writes."""
    buffer = BytesIO()
    write(buffer)
    return buffer.getvalue()


def archive(*names: str) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, "content")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (written(partial(torch.save, STATE)), Format.TORCH),
        (written(partial(torch.save, STATE, _use_new_zipfile_serialization=False)), Format.TORCH),
        (save(STATE), Format.SAFETENSORS),
    ],
)
def test_a_checkpoint_is_known_by_its_content(path: Path, content: bytes, expected: Format) -> None:
    path.write_bytes(content)
    assert format_of(path) is expected


@pytest.mark.parametrize("length", [0x80, 0x8B1F])
def test_safetensors_may_begin_as_other_kinds_do(path: Path, length: int) -> None:
    header = b'{"weight":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    path.write_bytes(length.to_bytes(8, "little") + header.ljust(length) + b"\1")
    assert load_file(path)["weight"].tolist() == [1]
    assert format_of(path) is Format.SAFETENSORS


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_torchscript_is_named(path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.ReLU()), path)
    assert format_of(path) == (
        "a TorchScript file, which holds code; save its weights alone: "
        "torch.save(torch.jit.load(FILE).state_dict(), NEW_FILE)"
    )


@pytest.mark.slow
def test_an_exported_program_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.pt2"  # torch.export insists on the suffix
    torch.export.save(torch.export.export(nn.ReLU(), (torch.ones(1),)), path)
    assert format_of(path) == (
        "a program saved with torch.export; save its weights alone: "
        "torch.save(torch.export.load(FILE).state_dict, NEW_FILE), or make ONNX of it for --onnx: "
        "torch.onnx.export(torch.export.load(FILE), f=NEW_FILE)"
    )


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty; download or copy it again"),
        (
            b"\n<!DOCTYPE html>\n<html><title>Sign in</title></html>",
            "an HTML page: the link leads to a page about the file; download the file itself",
        ),
        (
            b"\xef\xbb\xbf<HTML lang=de>\xc3\x84</HTML>",
            "an HTML page: the link leads to a page about the file; download the file itself",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "a Git LFS pointer; fetch the file itself with: git lfs pull",
        ),
        (b"Entry not found", "a text file that begins with 'Entry not found'"),
        (b'{"message": "gone"}', 'a text file that begins with \'{"message": "gone"}\''),
        ("ä".encode() * 400, f"a text file that begins with '{'ä' * 60}'"),
        (
            toys.toy_graph().SerializeToString(),
            "an ONNX file; give the PyTorch weights that it was made from",
        ),
        (
            archive("best.pth", "README.md"),
            "a zip archive (of best.pth, README.md); unpack it and give the checkpoint inside",
        ),
        (
            archive("1", "2", "3", "4", "5"),
            "a zip archive (of 1, 2, 3 and 2 more); unpack it and give the checkpoint inside",
        ),
        (archive(), "a zip archive (empty); unpack it and give the checkpoint inside"),
        (archive("config.json", "model.weights.h5"), "a Keras model"),
        (
            written(lambda file: np.savez(file, np.ones(3))),
            "a zip archive (of arr_0.npy); unpack it and give the checkpoint inside",
        ),
        (written(lambda file: np.save(file, np.ones(3))), "a NumPy array"),
        (b"\x89HDF\r\n\x1a\n\0\0\0", "an HDF5 file, as Keras saves"),
        (b"\x1c\0\0\0TFL3\x14", "a TensorFlow Lite model"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "compressed with gzip; unpack it first"),
        (bytes(257) + b"ustar\0", "a tar archive; unpack it first"),
        (
            b"\x80\x04\x95\x0a\0\0\0",
            "a pickle that torch.save did not write, or not in its own protocol; "
            "save the weights with torch.save(model.state_dict(), FILE)",
        ),
        (
            written(partial(torch.save, STATE))[:-100],
            "cut off or damaged: it begins as torch.save's files do, but is not whole; download or "
            "copy it again",
        ),
        (b"\xff\xfe\x80\x90" * 250, "of no kind that is known here"),
        (b"\x08\x00\x01\x02\x03", "of no kind that is known here"),
        (b"\x00\x01\x02\x03", "of no kind that is known here"),
    ],
)
def test_another_kind_is_named_with_what_to_do(path: Path, content: bytes, kind: str) -> None:
    path.write_bytes(content)
    assert format_of(path) == kind


def test_a_file_that_is_not_there_is_an_oserror(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        format_of(path)
