"""ONNX Runtime's execution providers of each device, and how they are set up."""

import os
import tempfile
from pathlib import Path
from typing import Any

from errors import StartupError
from model_spec import MODEL_NAME, ModelSpec, Precision
from settings import Device

CPU_PROVIDER = "CPUExecutionProvider"
CUDA_PROVIDER = "CUDAExecutionProvider"
TENSORRT_PROVIDER = "TensorrtExecutionProvider"

PROVIDERS = {
    Device.CPU: (CPU_PROVIDER,),
    Device.CUDA: (CUDA_PROVIDER, CPU_PROVIDER),
    Device.TENSORRT: (TENSORRT_PROVIDER, CUDA_PROVIDER, CPU_PROVIDER),
}
"""Best first."""

_CACHE = "tensorrt"


def provider_options(
    device: Device, spec: ModelSpec, folder: Path, *, device_id: int, max_batch_size: int
) -> list[tuple[str, dict[str, Any]]]:
    """Execution providers for ``InferenceSession``, best first, each with its options.

    Option names are those of ONNX Runtime's CUDA and TensorRT execution providers.
    """
    options: dict[str, dict[str, Any]] = {CPU_PROVIDER: {}}
    if device is not Device.CPU:
        options[CUDA_PROVIDER] = {"device_id": device_id, **_cuda(spec)}
    if device is Device.TENSORRT:
        options[TENSORRT_PROVIDER] = {
            "device_id": device_id,
            **_tensorrt(spec, _cache_folder(folder), max_batch_size),
        }
    return [(provider, options[provider]) for provider in PROVIDERS[device]]


def _cuda(spec: ModelSpec) -> dict[str, Any]:
    """Chosen by measurement on an H100: docs/gpu.md."""
    return {
        # As fast as what an exhaustive search finds, and found in less than half the time.
        "cudnn_conv_algo_search": "HEURISTIC",
        # A convolution's input and output take as much memory as they need, not a power of two.
        "arena_extend_strategy": "kSameAsRequested",
        # Tensor cores take float16 with the channels last.
        "prefer_nhwc": spec.precision is Precision.FP16,
    }


def _tensorrt(spec: ModelSpec, cache: Path, max_batch_size: int) -> dict[str, Any]:
    """One engine for all batch sizes, best for the largest; built once, at the first start."""

    def shape(batch_size: int) -> str:
        return f"{spec.input_name}:{'x'.join(map(str, (batch_size, *spec.pixels_shape)))}"

    return {
        "trt_fp16_enable": spec.precision is Precision.FP16,
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(cache),
        "trt_profile_min_shapes": shape(1),
        "trt_profile_opt_shapes": shape(max_batch_size),
        "trt_profile_max_shapes": shape(max_batch_size),
    }


def _cache_folder(folder: Path) -> Path:
    """Beside the model; where that cannot be written, in a temporary folder of this user's."""
    if os.access(folder, os.W_OK):
        return folder / _CACHE
    cache = Path(tempfile.gettempdir()) / f"{MODEL_NAME}-{folder.name}-{_CACHE}"
    cache.mkdir(mode=0o700, exist_ok=True)
    if cache.stat().st_uid != os.getuid():
        raise StartupError(f"{cache} belongs to somebody else: TensorRT would load code from it")
    return cache
