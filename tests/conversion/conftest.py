"""Fixtures of the conversion tests: a tiny network, a model store and a weights folder."""

import functools
import logging
from collections.abc import Iterator
from pathlib import Path

import bentoml
import onnx
import pytest
import torch
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore
from bentoml._internal.utils.analytics.usage_stats import do_not_track
from torch import nn
from torch.onnx._internal.exporter._registration import ONNXRegistry

from conversion.graph.export import export
from conversion.request import DEFAULT_OPSET
from conversion.sources import torchvision_models
from conversion.weights import files
from harness import toys
from model_spec import ONNX_FILE, SPEC_FILE, Interpolation, ModelSpec, Preprocessing, Size
from tests.conversion import brightness


@pytest.fixture(scope="session", autouse=True)
def _operators_are_read_once() -> Iterator[None]:
    """The exporter reads its 500 operators for each export, which takes half of a small one."""
    read_once = functools.cache(ONNXRegistry.from_torchlib)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(read_once))
        yield


@pytest.fixture(scope="session")
def tiny_preprocessing() -> Preprocessing:
    return Preprocessing(
        resize_size=Size.square(8),
        crop_size=Size.square(8),
        interpolation=Interpolation.BILINEAR,
        mean=(127.0, 120.0, 110.0),
        std=(128.0, 64.0, 32.0),
        source="by hand",
    )


@pytest.fixture(scope="session")
def tiny_network() -> nn.Module:
    """Three classes; each layer's parameters are random, the batch norm's too."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 16, 3),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 3),
        )
        # One step of training moves the batch norm's statistics away from 0 and 1.
        network.train()(torch.randn(8, 3, 8, 8))
    return network.eval()


@pytest.fixture(scope="session")
def _exported(tiny_network: nn.Module, tiny_preprocessing: Preprocessing) -> onnx.ModelProto:
    return export(tiny_network, tiny_preprocessing, DEFAULT_OPSET)


@pytest.fixture
def tiny_graph(_exported: onnx.ModelProto) -> onnx.ModelProto:
    """The tiny network's export, which a test may change."""
    copy = onnx.ModelProto()
    copy.CopyFrom(_exported)
    return copy


@pytest.fixture(scope="session")
def fp32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the fp32 model that tells dark images from bright ones."""
    folder = tmp_path_factory.mktemp("fp32")
    brightness.write_fp32(folder, brightness.brightness_network())
    return folder


@pytest.fixture
def int8(fp32: Path, tmp_path: Path) -> Path:
    """A folder with the int8 graph of that model, and nothing else of a model."""
    folder = tmp_path / "int8"
    folder.mkdir()
    brightness.write_int8(fp32, folder, tmp_path)
    return folder


@pytest.fixture(scope="session")
def greys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 128 grey images without labels, as dark as bright ones."""
    folder = tmp_path_factory.mktemp("greys")
    brightness.write_greys(folder)
    return folder


@pytest.fixture(scope="module")
def model_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A BentoML home of the test module's own, and no word of it to BentoML's makers."""
    home = tmp_path_factory.mktemp("home")
    models = home / "models"
    models.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(home))
        patch.setenv("BENTOML_DO_NOT_TRACK", "True")
        do_not_track.cache_clear()
        BentoMLContainer.bentoml_home.set(str(home))
        BentoMLContainer.model_store.set(ModelStore(models))
        try:
            yield home
        finally:
            BentoMLContainer.model_store.reset()
            BentoMLContainer.bentoml_home.reset()
    do_not_track.cache_clear()


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    """Take away the log handler that each run of the command adds."""
    ours = logging.getLogger("image_classifier")
    handlers, level = list(ours.handlers), ours.level
    yield
    ours.handlers[:] = handlers
    ours.setLevel(level)


@pytest.fixture
def empty_store(model_store: Path) -> Iterator[None]:
    """The store, in which nothing is left behind the test."""
    yield
    for model in bentoml.models.list():
        bentoml.models.delete(model.tag)
    assert not any((model_store / "models").rglob(ONNX_FILE))


@pytest.fixture
def unsaved(toy_folder: Path, toy_spec: ModelSpec) -> Path:
    """The toy's files as a conversion leaves them to the store: without the spec."""
    assert toy_spec.files.keys() == {ONNX_FILE, toys.GOLDEN_FILE}
    (toy_folder / SPEC_FILE).unlink()
    return toy_folder


@pytest.fixture
def weights_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the project's `weights/`, so that the real one stays clean."""
    folder = tmp_path / "weights"
    (folder / "checkpoints").mkdir(parents=True)
    monkeypatch.setattr(files, "WEIGHTS_FOLDER", folder)
    monkeypatch.setattr(files, "DOWNLOADS", folder / "checkpoints")
    monkeypatch.setattr(torchvision_models, "WEIGHTS_FOLDER", folder)
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    # No test asks another machine, not even one that fails.
    monkeypatch.setattr(torch.hub, "download_url_to_file", _refuse)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return folder


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the Hugging Face hub, and no way to the hub."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


def _refuse(url: str, *_: object, **__: object) -> None:
    raise AssertionError(f"{url} was asked for")
