"""What NVIDIA's driver says of the GPUs, through NVML."""

import ctypes
import os
import time
import warnings
from typing import NamedTuple

with warnings.catch_warnings():
    # The package says at import that another one of the same name is deprecated.
    warnings.simplefilter("ignore", FutureWarning)
    import pynvml

# NVML's order; CUDA's own default, fastest first, would give GPUs other numbers.
os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")

# https://docs.nvidia.com/cuda/cuda-driver-api → primary context management
_BLOCKING_SYNC = 4

_MILLIWATTS = 1000
_ON_DIE = 0  # NVML_TEMPERATURE_GPU

_SAMPLE_SECONDS = 1.0  # NVML itself averages over 1/6 s to 1 s


def count_gpus() -> int:
    """NVIDIA GPUs that CUDA would see: the driver's less what ``CUDA_VISIBLE_DEVICES`` hides."""
    return len(_visible_gpus(_driver_gpus()))


def driver_version() -> str | None:
    """Of NVIDIA's driver; None without one."""
    try:
        pynvml.nvmlInit()
        return str(pynvml.nvmlSystemGetDriverVersion())
    except pynvml.NVMLError:
        return None


def _driver_gpus() -> int:
    try:
        pynvml.nvmlInit()
        return int(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError:
        return 0


def _visible_gpus(count: int) -> list[int | str]:
    """Indices of the visible GPUs, or UUIDs of their parts (MIG), in CUDA's order.

    As CUDA reads ``CUDA_VISIBLE_DEVICES``: the list ends at the first entry that names no GPU.
    """
    setting = os.environ.get("CUDA_VISIBLE_DEVICES")
    if setting is None:
        return list(range(count))
    visible: list[int | str] = []
    for entry in setting.split(","):
        gpu = _named(entry.strip(), count)
        if gpu is None:
            break
        visible.append(gpu)
    return visible


def _named(name: str, count: int) -> int | str | None:
    """The GPU that an entry names: by its index, or the start of its UUID; None without one."""
    if name.startswith("MIG-"):
        return name if count and _has_part(name) else None
    if name.startswith("GPU-"):
        found = [index for index in range(count) if _uuid(index).startswith(name)]
        return found[0] if len(found) == 1 else None
    return int(name) if name.isdecimal() and int(name) < count else None


def _uuid(index: int) -> str:
    try:
        return str(pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(index)))
    except pynvml.NVMLError:
        return ""


def _has_part(uuid: str) -> bool:
    try:
        pynvml.nvmlDeviceGetHandleByUUID(uuid)
    except pynvml.NVMLError:
        return False
    return True


def wait_without_spinning(device_id: int) -> None:
    """Have threads that wait for the GPU sleep. Called before this process uses the GPU.

    By default they spin: on an H100 a run then costs the processor as much time as the GPU, time
    that decoding needs. Sleeping makes a run about 0.1 ms longer.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:  # not Linux: it spins
        return
    device = ctypes.c_int()
    driver.cuInit(0)
    if driver.cuDeviceGet(ctypes.byref(device), device_id) == 0:
        driver.cuDevicePrimaryCtxSetFlags_v2(device, _BLOCKING_SYNC)


class GpuMemory(NamedTuple):
    """Bytes of a GPU, and those that processes use together."""

    used: int
    total: int


class GpuMonitor:
    """What NVML says of the GPU that a session runs on; None where it cannot say.

    Attributes:
        device_id: CUDA's index of the GPU among the visible ones.
    """

    def __init__(self, device_id: int) -> None:
        self.device_id = device_id
        gpu = _visible_gpus(_driver_gpus())[device_id]
        self._handle = (
            pynvml.nvmlDeviceGetHandleByIndex(gpu)
            if isinstance(gpu, int)
            else pynvml.nvmlDeviceGetHandleByUUID(gpu)
        )
        self._read_at = -_SAMPLE_SECONDS
        self._utilization: float | None = None

    def name(self) -> str:
        """As NVIDIA names the product."""
        return str(pynvml.nvmlDeviceGetName(self._handle))

    def utilization(self) -> float | None:
        """Share of the last second in which a kernel ran, 0…1."""
        now = time.monotonic()
        if now - self._read_at >= _SAMPLE_SECONDS:
            self._read_at = now
            try:
                percent = pynvml.nvmlDeviceGetUtilizationRates(self._handle).gpu
                self._utilization = percent / 100
            except pynvml.NVMLError:
                self._utilization = None
        return self._utilization

    def memory(self) -> GpuMemory | None:
        """As nvidia-smi counts: without what the driver keeps for itself, 480 MiB on an H100."""
        try:
            memory = pynvml.nvmlDeviceGetMemoryInfo(self._handle, pynvml.nvmlMemory_v2)
        except pynvml.NVMLError:
            return None
        return GpuMemory(int(memory.used), int(memory.total))

    def power(self) -> float | None:
        """Watts that the board draws."""
        try:
            return float(pynvml.nvmlDeviceGetPowerUsage(self._handle) / _MILLIWATTS)
        except pynvml.NVMLError:
            return None

    def temperature(self) -> float | None:
        """Degrees Celsius of the die."""
        try:
            return float(pynvml.nvmlDeviceGetTemperature(self._handle, _ON_DIE))
        except pynvml.NVMLError:
            return None


def least_memory() -> int | None:
    """Bytes of the visible GPU that has least; None if there is none or NVML cannot say."""
    memories = [GpuMonitor(index).memory() for index in range(count_gpus())]
    return min((memory.total for memory in memories if memory), default=None)
