import argparse
import collections
import datetime
import enum
import json
import os
import pathlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.transforms import InterpolationMode

from conversion.weights.checkpoint import read
from tests.support.refusals import refusal

STATE = {"a.weight": torch.tensor([[1.0, 2.0]]), "a.bias": torch.tensor([3.0])}

LEGACY = {"_use_new_zipfile_serialization": False}

both = pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
"""Of the formats that torch.save has written."""


class Mode(enum.Enum):
    FAST = 1


class Malicious:
    """Makes a file when a pickle of it is loaded with its code."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def stored(folder: Path, content: object, **options: Any) -> Path:
    torch.save(content, folder / "x.pth", **options)
    return folder / "x.pth"


def assert_equal(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@both
def test_a_state_dict_is_read(tmp_path: Path, options: dict[str, bool]) -> None:
    entries = read(stored(tmp_path, collections.OrderedDict(STATE), **options))
    assert entries.keys() == {""}
    assert_equal(entries[""], STATE)


@pytest.mark.parametrize("name", ["x.safetensors", "x.pth"])
def test_safetensors_are_read_whatever_their_name(tmp_path: Path, name: str) -> None:
    save_file(STATE, tmp_path / name)
    assert_equal(read(tmp_path / name)[""], STATE)


def test_safetensors_in_several_files_are_read_by_their_index(tmp_path: Path) -> None:
    for number, (name, tensor) in enumerate(STATE.items()):
        save_file({name: tensor}, tmp_path / f"{number}.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    where = {name: f"{number}.safetensors" for number, name in enumerate(STATE)}
    index.write_text(json.dumps({"weight_map": where}))
    assert_equal(read(index)[""], STATE)


def test_each_dict_of_tensors_is_an_entry(tmp_path: Path) -> None:
    averaged = {f"module.{name}": tensor + 1 for name, tensor in STATE.items()}
    optimizer = {"state": {0: {"exp_avg": torch.ones(1)}}, "param_groups": [{"lr": 0.1}]}
    content = {"model": STATE, "ema": {"weights": averaged}, "optimizer": optimizer, "epoch": 3}
    entries = read(stored(tmp_path, content))
    assert entries.keys() == {"model", "ema.weights"}
    assert_equal(entries["model"], STATE)
    assert_equal(entries["ema.weights"], averaged)


def test_a_dict_that_holds_itself_is_read(tmp_path: Path) -> None:
    content: dict[str, Any] = {"model": STATE}
    content["again"] = content
    assert read(stored(tmp_path, content)).keys() == {"model", "again.model"} - {"again.model"}


HARMLESS = {
    "namespace": argparse.Namespace(data=pathlib.PurePosixPath("/data"), lr=0.1),
    "path": Path("/data"),
    "windows path": pathlib.PureWindowsPath("c:/data"),
    "ordered dict": collections.OrderedDict(a=1),
    "counter": collections.Counter("aab"),
    "default dict": collections.defaultdict(list, {"loss": [1.0]}),
    "deque": collections.deque([1, 2], maxlen=3),
    "set": {1, 2},
    "frozen set": frozenset([1]),
    "range": range(3),
    "datetime": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    "timedelta": datetime.timedelta(seconds=1),
    "device": torch.device("cuda:1"),
    "dtype": torch.bfloat16,
    "size": torch.Size([1, 2]),
    "enum of torchvision": InterpolationMode.BICUBIC,
    "numpy float": np.float64(91.2),
    "numpy float32": np.float32(1),
    "numpy int": np.int64(3),
    "numpy bool": np.bool_(True),
    "numpy string": np.str_("a"),
    "numpy dtype": np.dtype("float32"),
    "numpy array": np.arange(3.0),
    "numpy strings": np.array(["a", "b"]),
    "numpy objects": np.array([{"a": 1}], dtype=object),
    "numpy type": np.float32,
    "numpy random state": np.random.get_state(),
}


@both
@pytest.mark.parametrize("value", HARMLESS.values(), ids=HARMLESS.keys())
def test_settings_and_figures_beside_the_weights_do_not_matter(
    tmp_path: Path, value: object, options: dict[str, bool]
) -> None:
    entries = read(stored(tmp_path, {"best": value, "model": STATE, "args": [value]}, **options))
    assert entries.keys() == {"model"}
    assert_equal(entries["model"], STATE)


def test_what_was_allowed_is_not_afterwards(tmp_path: Path) -> None:
    path = stored(tmp_path, {"model": STATE, "args": argparse.Namespace()})
    read(path)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)


def test_no_allowed_type_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(tmp_path, {"model": STATE, "args": argparse.Namespace(), "a": np.ones(2)})
    called: list[object] = []
    monkeypatch.setattr(argparse.Namespace, "__setstate__", called.append, raising=False)
    monkeypatch.setattr(argparse, "Namespace", called.append)
    assert_equal(read(path)["model"], STATE)
    assert called == []


@both
def test_other_types_are_refused_by_name(tmp_path: Path, options: dict[str, bool]) -> None:
    path = stored(tmp_path, {"model": STATE, "mode": Mode.FAST}, **options)
    assert refusal(read, path) == (
        "x.pth holds more than weights and settings, and is not read because that could run code: "
        f"{Mode.__module__}.Mode; if you trust the file, save its weights alone: "
        "torch.save(torch.load(FILE, weights_only=False)[ENTRY], NEW_FILE)"
    )


@both
@pytest.mark.parametrize("where", ["beside", "inside"])
def test_a_pickles_code_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, options: dict[str, bool]
) -> None:
    # The other precaution, which is meant for torchvision's own loading.
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    made = tmp_path / "made"
    evil = Malicious(made)
    content = {**STATE, "b": evil} if where == "inside" else {"model": STATE, "args": evil}
    path = stored(tmp_path, content, **options)
    assert "is not read because that could run code" in refusal(read, path)
    assert not made.exists()
    # Without this precaution the code runs.
    torch.load(path, weights_only=False)
    assert made.exists()


@both
def test_a_whole_network_is_refused(tmp_path: Path, options: dict[str, bool]) -> None:
    path = stored(tmp_path, nn.Sequential(nn.Linear(2, 3)), **options)
    assert refusal(read, path) == (
        "x.pth holds a whole network, whose code is not run; where it was made, save its weights "
        "alone: model = torch.load(FILE, weights_only=False); "
        "torch.save(model.state_dict(), NEW_FILE)"
    )


def test_another_protocol_is_refused(tmp_path: Path) -> None:
    assert refusal(read, stored(tmp_path, STATE, pickle_protocol=4)) == (
        "x.pth was saved with a pickle_protocol; save it again without that argument"
    )


def test_a_file_of_another_kind_is_refused_with_its_kind(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"<html>")
    assert refusal(read, tmp_path / "x.safetensors") == (
        "x.safetensors is no checkpoint: it is an HTML page: the link leads to a page about the "
        "file; download the file itself"
    )


@pytest.mark.parametrize("kind", ["legacy", "safetensors"])
def test_a_file_that_breaks_off_is_refused(tmp_path: Path, kind: str) -> None:
    path, state = tmp_path / "x.pth", {"weight": torch.zeros(1000)}
    if kind == "legacy":
        stored(tmp_path, state, **LEGACY)
    else:
        save_file(state, path)
    os.truncate(path, 2000)
    message = refusal(read, path)
    assert message.startswith("x.pth cannot be read (")
    assert message.endswith("); it may be damaged: download or copy it again")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(read, tmp_path) == f"cannot read {tmp_path}: Is a directory"


@pytest.mark.parametrize(
    ("content", "holds"),
    [
        ([torch.ones(1)], "a list"),
        (torch.ones(1), "a Tensor"),
        ({}, "an empty dict"),
        ({"epoch": 1, "lr": 0.1}, "epoch, lr"),
        ({1: torch.ones(1)}, "1"),
        ({str(number): number for number in range(7)}, "0, 1, 2, 3, 4 and 2 more"),
    ],
)
def test_anything_but_tensors_by_name_is_refused(
    tmp_path: Path, content: object, holds: str
) -> None:
    assert refusal(read, stored(tmp_path, content)) == (
        f"x.pth has no tensors by name (it holds {holds}); "
        "save the weights with torch.save(model.state_dict(), FILE)"
    )
