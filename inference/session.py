"""An ONNX Runtime session on the device that was asked for, and what it really got."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from errors import StartupError
from inference.gpu import count_gpus
from model_spec import ONNX_FILE, ModelSpec
from settings import PREFIX, Device

logger = logging.getLogger("image_classifier.session")

Probabilities = npt.NDArray[np.float32]

CPU_PROVIDER = "CPUExecutionProvider"
CUDA_PROVIDER = "CUDAExecutionProvider"
TENSORRT_PROVIDER = "TensorrtExecutionProvider"

_PROVIDERS = {
    Device.CPU: (CPU_PROVIDER,),
    Device.CUDA: (CUDA_PROVIDER, CPU_PROVIDER),
    Device.TENSORRT: (TENSORRT_PROVIDER, CUDA_PROVIDER, CPU_PROVIDER),
}


class _UnavailableError(Exception):
    """A device cannot be had; says what is missing."""


@dataclass(frozen=True)
class OnnxSession:
    """A loaded model.

    Attributes:
        spec: of the model.
        device: where it runs: cpu, cuda or tensorrt, never auto.
        device_id: CUDA's index of the GPU; None on CPU.
        providers: the execution providers that the session really has, best first.
    """

    spec: ModelSpec
    device: Device
    device_id: int | None
    providers: tuple[str, ...]
    _session: onnxruntime.InferenceSession

    def run(self, pixels: npt.NDArray[np.uint8]) -> Probabilities:
        """uint8 ``[N, H, W, 3]`` → float32 ``[N, classes]``."""
        outputs = self._session.run([self.spec.output_name], {self.spec.input_name: pixels})
        probabilities: Probabilities = outputs[0]
        return probabilities

    def run_and_forget(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Run on the CPU, and give back the memory that the arena would keep for the next time.

        https://onnxruntime.ai/docs/get-started/with-c.html, memory arena shrinkage.
        """
        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._session.run([self.spec.output_name], {self.spec.input_name: pixels}, options)


def open_session(
    folder: Path, device: Device, *, intra_op_threads: int, device_id: int = 0
) -> OnnxSession:
    """Load the model in a folder of the model store.

    ``auto`` takes CUDA where it works and otherwise the CPU, with a warning if there is a GPU.

    Args:
        folder: with ``spec.json`` and ``model.onnx``.
        device: where to run.
        intra_op_threads: threads that one operator may use on the CPU.
        device_id: CUDA's index of the GPU to use.

    Raises:
        StartupError: the model is damaged, or an explicit GPU device cannot be had.
    """
    spec = ModelSpec.load(folder)
    if device is Device.AUTO and not count_gpus():
        device = Device.CPU
    try:
        wanted = Device.CUDA if device is Device.AUTO else device
        return _open(folder, spec, wanted, intra_op_threads, device_id)
    except _UnavailableError as error:
        if device is not Device.AUTO:
            message = f"{PREFIX}DEVICE={device.value} cannot be had: {error}"
            raise StartupError(message) from error
        logger.warning("running on the CPU: %s", error)
        return _open(folder, spec, Device.CPU, intra_op_threads, device_id)


def check_device(folder: Path, device: Device) -> None:
    """Open a session on an explicit device and drop it again.

    Raises:
        StartupError: it cannot be had.
    """
    open_session(folder, device, intra_op_threads=1)


def _open(
    folder: Path, spec: ModelSpec, device: Device, intra_op_threads: int, device_id: int
) -> OnnxSession:
    if device is not Device.CPU:
        _require_gpu(device, device_id)
    session = _create(folder / ONNX_FILE, device, intra_op_threads, device_id)
    got = tuple(session.get_providers())
    if got[0] != _PROVIDERS[device][0]:
        raise _UnavailableError(f"ONNX Runtime offers only {', '.join(got)}; see its log above")
    return OnnxSession(spec, device, None if device is Device.CPU else device_id, got, session)


def _require_gpu(device: Device, device_id: int) -> None:
    """Tell what is missing before ONNX Runtime would fall back to the CPU without a word."""
    wanted = _PROVIDERS[device][0]
    if wanted not in onnxruntime.get_available_providers():
        raise _UnavailableError(f"this build of ONNX Runtime has no {wanted}")
    gpus = count_gpus()
    if not gpus:
        raise _UnavailableError("the NVIDIA driver shows no GPU")
    if gpus <= device_id:
        raise _UnavailableError(f"the NVIDIA driver shows {gpus} GPUs, index {device_id} wanted")
    # Finds CUDA and cuDNN where pip put them; without effect where the system has them.
    onnxruntime.preload_dlls()


def _create(
    path: Path, device: Device, intra_op_threads: int, device_id: int
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=provider_options(device, path.parent, device_id)
        )
    except Exception as error:
        # ONNX Runtime's exceptions share no base class of their own.
        if device is Device.CPU:
            raise StartupError(f"ONNX Runtime cannot load {path.name}: {error}") from error
        raise _UnavailableError(str(error)) from error


def provider_options(
    device: Device, folder: Path, device_id: int
) -> list[tuple[str, dict[str, Any]]]:
    """Execution providers for ``InferenceSession``, best first, each with its options.

    Option names are those of ONNX Runtime's CUDA and TensorRT execution providers.
    """
    options: dict[str, dict[str, Any]] = {
        # Every batch size is warmed up, so the exhaustive search is paid once, at start.
        CUDA_PROVIDER: {"device_id": device_id, "cudnn_conv_algo_search": "EXHAUSTIVE"},
        TENSORRT_PROVIDER: {
            "device_id": device_id,
            "trt_engine_cache_enable": True,
            "trt_engine_cache_path": str(folder / "tensorrt"),
            "trt_timing_cache_enable": True,
        },
        CPU_PROVIDER: {},
    }
    return [(provider, options[provider]) for provider in _PROVIDERS[device]]
