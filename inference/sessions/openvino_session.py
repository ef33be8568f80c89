"""An OpenVINO session: the model on the CPU, by Intel's engine instead of ONNX Runtime."""

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from errors import StartupError
from inference.arrays import Embeddings, Pixels, Probabilities
from model_spec import ONNX_FILE, ModelSpec, Precision
from settings import PREFIX, Device

OPENVINO_PACKAGES = "pip install '.[openvino]'"

# Its import is reported to OpenVINO's makers, unless the user has opted out in a file of the home
# folder. OpenVINO runs without it, and it is not needed for ONNX.
_REPORTS_ITS_IMPORT = "openvino.tools.ovc"

_CPU = "CPU"
_BF16 = "BF16"

# https://docs.openvino.ai/2026/api/ie_python_api/_autosummary/openvino.properties.html
_OPTIONS = {
    "NUM_STREAMS": 1,
    # Several workers share the processors: each would bind its threads to the same ones.
    "ENABLE_CPU_PINNING": False,
    # Otherwise OpenVINO may take fewer threads than it is given.
    "ENABLE_HYPER_THREADING": True,
}


@dataclass(frozen=True)
class OpenVinoSession:
    """A loaded model. One compiled model runs batches of any size.

    Attributes:
        providers: OpenVINO and the devices that it really uses.
    """

    device: ClassVar[Device] = Device.OPENVINO
    device_id: ClassVar[int | None] = None

    spec: ModelSpec
    providers: tuple[str, ...]
    _compiled: Any
    _request: Any

    def run(self, pixels: Pixels) -> Probabilities:
        """The probabilities of a batch; from one thread at a time."""
        probabilities: Probabilities = self._outputs(pixels)[self.spec.output_name]
        return probabilities.copy()

    def run_with_embeddings(self, pixels: Pixels) -> tuple[Probabilities, Embeddings]:
        """As :meth:`run`, with the embeddings, which the spec must name."""
        outputs = self._outputs(pixels)
        return outputs[self.spec.output_name].copy(), outputs[self.spec.embedding].copy()

    def _outputs(self, pixels: Pixels) -> Any:
        # Inputs and outputs are not copied: the next inference overwrites the outputs.
        inputs = {self.spec.input_name: pixels}
        return self._request.infer(inputs, share_inputs=True, share_outputs=True)

    def run_and_forget(self, pixels: Pixels) -> None:
        """Run, and give back the memory that would be kept for the next time."""
        self.run(pixels)
        self._compiled.release_memory()


def open_openvino(spec: ModelSpec, folder: Path, intra_op_threads: int) -> OpenVinoSession:
    """Load a model with OpenVINO.

    Raises:
        StartupError: OpenVINO is not installed, or cannot load the model.
    """
    core = _imported().Core()
    options = {
        **_OPTIONS,
        "INFERENCE_NUM_THREADS": intra_op_threads,
        # By itself OpenVINO takes bfloat16 where the processor has it: not the verified answers.
        "INFERENCE_PRECISION_HINT": "bf16" if spec.precision is Precision.BF16 else "f32",
    }
    try:
        compiled = core.compile_model(core.read_model(folder / ONNX_FILE), _CPU, options)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise StartupError(f"OpenVINO cannot load {ONNX_FILE}: {reason}") from error
    devices = compiled.get_property("EXECUTION_DEVICES")
    providers = tuple(f"OpenVINO {device}" for device in devices)
    return OpenVinoSession(spec, providers, compiled, compiled.create_infer_request())


def require_bf16(device: Device) -> None:
    """Check that a bf16 model can be served.

    Raises:
        StartupError: another device, or a processor without bfloat16.
    """
    if device is not Device.OPENVINO:
        raise StartupError(
            f"a bf16 model needs {PREFIX}DEVICE={Device.OPENVINO.value}, not {device.value}"
        )
    if _BF16 not in _imported().Core().get_property(_CPU, "OPTIMIZATION_CAPABILITIES"):
        raise StartupError(
            "this processor has no instructions for bfloat16 (avx512_bf16 or amx_bf16): take an "
            "fp32 model"
        )


def openvino_version() -> str | None:
    """Of the installed OpenVINO; None without one."""
    try:
        version: str = _imported().__version__
    except StartupError:
        return None
    return version.partition("-")[0]


def _imported() -> ModuleType:
    sys.modules.setdefault(_REPORTS_ITS_IMPORT, None)  # type: ignore[arg-type]
    try:
        return import_module("openvino")
    except ImportError as error:
        raise StartupError(
            f"{PREFIX}DEVICE={Device.OPENVINO.value} cannot be had: {error}; "
            f"install it with: {OPENVINO_PACKAGES}"
        ) from error
