"""``python -m inference.doctor``: what this machine can serve on, and what is missing for more.

Ends with 0 if the device of ``CLASSIFIER_DEVICE`` can be had, with 1 if not.
"""

import ctypes
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from errors import StartupError
from inference.hardware.cpus import usable_cpus
from inference.hardware.gpu import GpuMonitor, count_gpus, driver_version
from inference.sessions.openvino_session import OPENVINO_PACKAGES, openvino_version
from inference.sessions.providers import PROVIDERS
from settings import Device, load_settings

_GPU_PACKAGES = "pip install '.[gpu]'"
_TENSORRT = (
    "pip install 'tensorrt-cu{cuda}-libs<11', then export LD_LIBRARY_PATH="
    "$(python -c 'import tensorrt_libs; print(tensorrt_libs.__path__[0])')"
)

_GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """What a device misses, if anything, and the command or the step that mends it."""

    device: Device
    missing: str | None = None
    remedy: str | None = None


def examine(device: Device) -> Finding:
    """Look for everything a device needs, in the order in which it is needed."""
    if device is Device.OPENVINO:
        missing = openvino_version() is None
        problem = ("OpenVINO cannot be imported", OPENVINO_PACKAGES) if missing else ()
        return Finding(device, *problem)
    provider = PROVIDERS[device][0]
    if provider not in onnxruntime.get_available_providers():
        return Finding(device, f"this build of ONNX Runtime has no {provider}", _GPU_PACKAGES)
    if device is Device.CPU:
        return Finding(device)
    if not count_gpus():
        return Finding(device, "the NVIDIA driver shows no GPU", _driver_remedy())
    onnxruntime.preload_dlls()
    for name, remedy in _libraries(device):
        try:
            ctypes.CDLL(name)
        except OSError as error:
            return Finding(device, str(error), remedy)
    return Finding(device)


def _driver_remedy() -> str:
    if driver_version() is None:
        return "install NVIDIA's driver; in a container: docker run --gpus all"
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return "unset CUDA_VISIBLE_DEVICES"
    return "nvidia-smi says more"


def _libraries(device: Device) -> list[tuple[str, str]]:
    """What is loaded, with what brings it: the provider names its own missing libraries."""
    folder = Path(onnxruntime.__file__).parent / "capi"
    libraries = [
        (str(folder / "libonnxruntime_providers_shared.so"), _GPU_PACKAGES),
        (str(folder / "libonnxruntime_providers_cuda.so"), _GPU_PACKAGES),
        ("libcudnn.so.9", _GPU_PACKAGES),
    ]
    if device is Device.TENSORRT:
        # Only builds for GPUs have it.
        cuda: str = getattr(onnxruntime, "cuda_version", "")
        remedy = _TENSORRT.format(cuda=cuda.partition(".")[0])
        libraries.append((str(folder / "libonnxruntime_providers_tensorrt.so"), remedy))
    return libraries


def report() -> list[str]:
    """What was found, in lines to print."""
    lines = [
        f"processors    {usable_cpus()} usable of {os.cpu_count()}",
        f"ONNX Runtime  {onnxruntime.__version__}: "
        + ", ".join(onnxruntime.get_available_providers()),
        f"OpenVINO      {openvino_version() or 'none'}",
        f"driver        {driver_version() or 'none'}",
    ]
    for index in range(count_gpus()):
        monitor = GpuMonitor(index)
        memory = monitor.memory()
        size = f", {memory.total / _GIB:.0f} GiB" if memory else ""
        lines.append(f"GPU {index}         {monitor.name()}{size}")
    for device in Device:
        if device is not Device.AUTO:
            lines += _lines(examine(device))
    return lines


def _lines(finding: Finding) -> list[str]:
    name = f"{finding.device.value:<12}"
    if finding.missing is None:
        return [f"{name}  ready"]
    return [f"{name}  missing: {finding.missing}", f"{'':<12}  {finding.remedy}"]


def main() -> int:
    """Print the report; returns the exit status."""
    print("\n".join(report()))
    try:
        device = load_settings().device
    except StartupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    # auto takes what there is.
    return 0 if device is Device.AUTO or examine(device).missing is None else 1


if __name__ == "__main__":
    sys.exit(main())
