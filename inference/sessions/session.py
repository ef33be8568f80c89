"""A session on the device that was asked for, and what it really got."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime

from errors import StartupError
from inference.arrays import Embeddings, Pixels, Probabilities
from inference.hardware.gpu import count_gpus, wait_without_spinning
from inference.sessions.openvino_session import OpenVinoSession, open_openvino, require_bf16
from inference.sessions.providers import PROVIDERS, provider_options
from model_spec import ONNX_FILE, ModelSpec, Precision
from settings import PREFIX, Device

logger = logging.getLogger("image_classifier.session")

_ERRORS_ONLY = 3  # of ONNX Runtime's log

# In an error message of a page.
_GPU_FAILURE = re.compile(
    r"(?:(?:CUDA|CUBLAS|CUDNN) failure |Failed to allocate memory)[^;]*[^; ]"
    "|Please install TensorRT libraries"
)


class _UnavailableError(Exception):
    """A device is not available; the message says what is missing."""


@dataclass(frozen=True)
class _Options:
    """What :func:`open_session` was given, for one session or several."""

    folder: Path
    intra_op_threads: int
    device_id: int
    max_batch_size: int


@dataclass(frozen=True)
class OnnxSession:
    """A model that ONNX Runtime has loaded.

    On CUDA, each batch size has an ONNX Runtime session of its own. A convolution keeps the
    cuDNN plan of one input shape and makes a new one when the shape changes: with one session
    for all sizes, a changed batch size cost 0.06 to 1 s instead of 1 to 7 ms on an H100
    (docs/gpu.md; https://github.com/microsoft/onnxruntime/issues/23006).

    Attributes:
        device: where it runs: cpu, cuda or tensorrt, never auto.
        device_id: CUDA's index of the GPU; None on CPU.
        providers: the execution providers that the session really has, best first.
    """

    spec: ModelSpec
    device: Device
    device_id: int | None
    providers: tuple[str, ...]
    _session: onnxruntime.InferenceSession
    _create: Callable[[], onnxruntime.InferenceSession]
    _by_batch_size: dict[int, onnxruntime.InferenceSession] = field(default_factory=dict)

    def run(self, pixels: Pixels) -> Probabilities:
        """The probabilities of a batch; from one thread at a time.

        Raises:
            StartupError: the GPU has no room for batches of this size.
        """
        probabilities: Probabilities = self._outputs(pixels, [self.spec.output_name])[0]
        return probabilities

    def run_with_embeddings(self, pixels: Pixels) -> tuple[Probabilities, Embeddings]:
        """As :meth:`run`, with the embeddings, which the spec must name."""
        names = [self.spec.output_name, self.spec.embedding]
        probabilities, embeddings = self._outputs(pixels, names)
        return probabilities, embeddings

    def _outputs(self, pixels: Pixels, names: list[str | None]) -> list[Any]:
        session = self._session_for(len(pixels))
        outputs: list[Any] = session.run(names, {self.spec.input_name: pixels})
        return outputs

    def _session_for(self, batch_size: int) -> onnxruntime.InferenceSession:
        if self.device is not Device.CUDA:
            return self._session
        if batch_size not in self._by_batch_size:
            self._by_batch_size[batch_size] = self._new_for(batch_size)
        return self._by_batch_size[batch_size]

    def _new_for(self, batch_size: int) -> onnxruntime.InferenceSession:
        if not self._by_batch_size:
            return self._session
        try:
            return self._create()
        except _UnavailableError as error:
            raise StartupError(f"no session for batches of {batch_size}: {error}") from error

    def run_and_forget(self, pixels: Pixels) -> None:
        """Run on the CPU, and give back the memory that the arena would keep for the next time.

        https://onnxruntime.ai/docs/get-started/with-c.html, memory arena shrinkage.
        """
        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._session.run([self.spec.output_name], {self.spec.input_name: pixels}, options)


Session = OnnxSession | OpenVinoSession
"""A loaded model, of either engine."""


def open_session(
    folder: Path,
    device: Device,
    *,
    intra_op_threads: int,
    device_id: int = 0,
    max_batch_size: int = 1,
) -> Session:
    """Load the model in a folder of the model store.

    ``auto`` takes CUDA where it works and otherwise ONNX Runtime on the CPU, with a warning if
    there is a GPU. It never takes OpenVINO.

    Args:
        folder: with ``spec.json`` and ``model.onnx``.
        device: where to run.
        intra_op_threads: that one operator may use on the CPU.
        device_id: CUDA's index of the GPU to use.
        max_batch_size: of which TensorRT must know beforehand.

    Raises:
        StartupError: the model is damaged, or an explicit device cannot be had.
    """
    spec = ModelSpec.load(folder)
    if spec.precision is Precision.BF16:
        require_bf16(device)
    for each in spec.shortcomings:
        logger.warning("this %s model may be %s than fp32", spec.precision.value, each.value)
    if device is Device.OPENVINO:
        return open_openvino(spec, folder, intra_op_threads)
    if device is Device.AUTO and not count_gpus():
        device = Device.CPU
    options = _Options(folder, intra_op_threads, device_id, max_batch_size)
    try:
        return _open(spec, Device.CUDA if device is Device.AUTO else device, options)
    except _UnavailableError as error:
        if device is not Device.AUTO:
            message = f"{PREFIX}DEVICE={device.value} cannot be had: {error}"
            raise StartupError(message) from error
        logger.warning("running on the CPU: %s", error)
        return _open(spec, Device.CPU, options)


def check_device(folder: Path, device: Device, max_batch_size: int = 1) -> None:
    """Open a session on an explicit device and drop it again; TensorRT builds its engine here.

    Raises:
        StartupError: it is not available.
    """
    open_session(folder, device, intra_op_threads=1, max_batch_size=max_batch_size)


def _open(spec: ModelSpec, device: Device, options: _Options) -> OnnxSession:
    if device is not Device.CPU:
        _require_gpu(device, options.device_id)
    elif spec.precision is Precision.FP16:
        logger.warning("an fp16 model is slower than an fp32 model on the CPU")
    create = partial(_create, spec, device, options)
    session = create()
    gpu = None if device is Device.CPU else options.device_id
    return OnnxSession(spec, device, gpu, tuple(session.get_providers()), session, create)


def _require_gpu(device: Device, device_id: int) -> None:
    """Raise for what is missing, where ONNX Runtime would silently take the CPU."""
    wanted = PROVIDERS[device][0]
    if wanted not in onnxruntime.get_available_providers():
        raise _UnavailableError(f"this build of ONNX Runtime has no {wanted}")
    gpus = count_gpus()
    if not gpus:
        raise _UnavailableError("the NVIDIA driver shows no GPU")
    if gpus <= device_id:
        raise _UnavailableError(f"the NVIDIA driver shows {gpus} GPUs, index {device_id} wanted")
    # Finds CUDA and cuDNN where pip put them; without effect where the system has them.
    onnxruntime.preload_dlls()
    # It warns with each session that CUDA is no plugin; the providers it has are checked below.
    onnxruntime.set_default_logger_severity(_ERRORS_ONLY)
    wait_without_spinning(device_id)


def _create(spec: ModelSpec, device: Device, given: _Options) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = given.intra_op_threads
    options.inter_op_num_threads = 1
    providers = provider_options(
        device, spec, given.folder, device_id=given.device_id, max_batch_size=given.max_batch_size
    )
    path = given.folder / ONNX_FILE
    try:
        # By itself ONNX Runtime would print what failed, and go on with the CPU.
        session = onnxruntime.InferenceSession(
            str(path), options, providers=providers, enable_fallback=False
        )
    except Exception as error:
        # ONNX Runtime's exceptions share no base class of their own.
        if device is Device.CPU:
            raise StartupError(f"ONNX Runtime cannot load {path.name}: {error}") from error
        failure = _GPU_FAILURE.search(str(error))
        raise _UnavailableError(failure.group() if failure else str(error)) from error
    got = session.get_providers()
    if got[0] != PROVIDERS[device][0]:
        raise _UnavailableError(f"ONNX Runtime offers only {', '.join(got)}; see its log above")
    return session
