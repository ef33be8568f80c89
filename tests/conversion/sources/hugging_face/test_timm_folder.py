import json
from pathlib import Path
from typing import Any

import pytest
import torch

from conversion.errors import ONE_OUTPUT
from conversion.sources.lookup import source_of
from model_spec import Activation, Channels, ResizeMode, Size, sha256_of_file
from tests.support.saved_models import LABELS, change, copied, refusal, save_timm

timm = pytest.importorskip("timm")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_timm(tmp_path_factory.mktemp("saved") / "my-timm")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return copied(saved, tmp_path)


def state_of(folder: Path) -> dict[str, torch.Tensor]:
    source = source_of(f"hf:{folder}")
    path, _ = source.published()
    return source.build_published(path).state_dict()


def same(state: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return state.keys() == expected.keys() and all(
        torch.equal(state[name], tensor) for name, tensor in expected.items()
    )


def test_a_folder_has_labels_preprocessing_and_weights(saved: Path) -> None:
    source = source_of(f"hf:{saved}")
    found = source.description
    assert (found.labels, found.activation, found.assumed) == (LABELS, Activation.SOFTMAX, False)
    assert found.preprocessing.source == "hf:my-timm, pretrained_cfg of timm"
    assert found.preprocessing.crop_size == Size.square(160)
    path, weights = source.published()
    assert path == saved / "model.safetensors"
    assert (weights.pretrained, weights.source) == (True, "hf:my-timm")
    assert weights.sha256 == sha256_of_file(path)


def test_the_network_is_the_one_that_timm_reads(saved: Path) -> None:
    expected = timm.create_model(f"local-dir:{saved}", pretrained=True).state_dict()
    assert same(state_of(saved), expected)


def test_pickled_weights_are_read_as_tensors(folder: Path) -> None:
    expected = state_of(folder)
    torch.save(expected, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert same(state_of(folder), expected)


def test_the_saved_preprocessing_counts(folder: Path) -> None:
    timm_config = {"input_size": [3, 128, 160], "crop_mode": "squash", "crop_pct": 1.0}
    change(folder / "config.json", pretrained_cfg=timm_config)
    found = source_of(f"hf:{folder}").description.preprocessing
    assert (found.resize_mode, found.resize_size) == (
        ResizeMode.SQUASH,
        Size(height=128, width=160),
    )


def test_a_file_of_one_object_is_read_as_well(folder: Path) -> None:
    before = source_of(f"hf:{folder}").description
    inner = json.loads((folder / "config.json").read_text())["pretrained_cfg"]
    beside = {"pretrained_cfg": None, "label_names": None, "labels": list(LABELS)}
    change(folder / "config.json", **{**inner, **beside})
    found = source_of(f"hf:{folder}").description
    assert (found.labels, found.preprocessing) == (before.labels, before.preprocessing)


def test_a_network_is_made_with_the_arguments_that_were_saved(tmp_path: Path) -> None:
    folder = save_timm(tmp_path / "my-timm", in_chans=1)
    assert source_of(f"hf:{folder}").description.preprocessing.channels is Channels.GREY
    network = source_of(f"hf:{folder}").build(5).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 1, 160, 160)).shape == (2, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"label_names": None},
            "hf:my-timm tells 3 classes apart; give --labels with one for each",
        ),
        (
            {"label_names": ["one"]},
            "hf:my-timm has 1 label_names and 3 classes; give --labels with one for each",
        ),
        (
            {"num_classes": 1, "label_names": None},
            f"hf:my-timm is of a network with one output: {ONE_OUTPUT}",
        ),
        (
            {"num_classes": 0, "label_names": None},
            "hf:my-timm is no classifier: its num_classes is 0",
        ),
    ],
)
def test_what_cannot_be_converted_is_refused(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    change(folder / "config.json", **changes)
    assert refusal(folder) == message


def test_what_this_timm_cannot_make_is_refused(folder: Path) -> None:
    change(folder / "config.json", architecture="resnet5")
    assert refusal(folder).startswith(
        f"timm {timm.__version__} cannot make 'resnet5' of hf:my-timm ("
    )


def test_the_config_decides_the_result(folder: Path) -> None:
    before = source_of(f"hf:{folder}").facts()
    change(folder / "config.json", num_features=1)
    assert source_of(f"hf:{folder}").facts() != before
