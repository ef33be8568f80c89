import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from errors import StartupError
from inference.sessions.providers import provider_options
from model_spec import ModelSpec, Precision
from settings import Device

CPU, CUDA, TENSORRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))


def options(device: Device, spec: ModelSpec, folder: Path) -> list[tuple[str, dict[str, Any]]]:
    return provider_options(device, spec, folder, device_id=3, max_batch_size=32)


def tensorrt_cache(spec: ModelSpec, folder: Path) -> str:
    (_, tensorrt), *_ = options(Device.TENSORRT, spec, folder)
    assert tensorrt["trt_timing_cache_path"] == tensorrt["trt_engine_cache_path"]
    return str(tensorrt["trt_engine_cache_path"])


@pytest.mark.parametrize(("precision", "half"), [(Precision.FP32, False), (Precision.FP16, True)])
def test_provider_options(
    precision: Precision, half: bool, toy_spec: ModelSpec, tmp_path: Path
) -> None:
    spec = toy_spec.model_copy(update={"precision": precision})
    cpu: tuple[str, dict[str, Any]] = (CPU, {})
    cuda = (
        CUDA,
        {
            "device_id": 3,
            "cudnn_conv_algo_search": "HEURISTIC",
            "arena_extend_strategy": "kSameAsRequested",
            "prefer_nhwc": half,
        },
    )
    tensorrt = (
        TENSORRT,
        {
            "device_id": 3,
            "trt_fp16_enable": half,
            "trt_engine_cache_enable": True,
            "trt_engine_cache_path": str(tmp_path / "tensorrt"),
            "trt_timing_cache_enable": True,
            "trt_timing_cache_path": str(tmp_path / "tensorrt"),
            "trt_profile_min_shapes": "pixels:1x4x4x3",
            "trt_profile_opt_shapes": "pixels:32x4x4x3",
            "trt_profile_max_shapes": "pixels:32x4x4x3",
        },
    )

    assert options(Device.CPU, spec, tmp_path) == [cpu]
    assert options(Device.CUDA, spec, tmp_path) == [cuda, cpu]
    assert options(Device.TENSORRT, spec, tmp_path) == [tensorrt, cuda, cpu]


@pytest.fixture
def read_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A model's folder that cannot be written, also by root, and the temporary folder."""
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(temporary))
    writable = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path and writable(path, mode))
    return tmp_path, temporary / f"image_classifier-{tmp_path.name}-tensorrt"


def test_tensorrt_of_a_read_only_model_caches_in_a_private_temporary_folder(
    read_only: tuple[Path, Path], toy_spec: ModelSpec
) -> None:
    folder, cache = read_only
    assert tensorrt_cache(toy_spec, folder) == tensorrt_cache(toy_spec, folder) == str(cache)
    assert cache.stat().st_mode & 0o777 == 0o700


def test_tensorrt_loads_no_engine_that_somebody_else_may_have_written(
    read_only: tuple[Path, Path], toy_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = read_only
    monkeypatch.setattr(os, "getuid", lambda: cache.parent.stat().st_uid + 1)
    with pytest.raises(StartupError, match=f"^{cache} belongs to somebody else"):
        tensorrt_cache(toy_spec, folder)
