"""What NVIDIA's driver says of the GPUs, through NVML."""

import os
import time
import warnings
from dataclasses import dataclass

with warnings.catch_warnings():
    # The package says at import that another one of the same name is deprecated.
    warnings.simplefilter("ignore", FutureWarning)
    import pynvml

# NVML's order; CUDA's own default, fastest first, would give GPUs other numbers.
os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")

_SAMPLE_SECONDS = 1.0  # NVML itself averages over 1/6 s to 1 s


def count_gpus() -> int:
    """NVIDIA GPUs that CUDA would see: the driver's less what ``CUDA_VISIBLE_DEVICES`` hides."""
    return len(_visible_gpus(_driver_gpus()))


def _driver_gpus() -> int:
    try:
        pynvml.nvmlInit()
        return int(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError:
        return 0


def _visible_gpus(count: int) -> list[int | str]:
    """Indices (or UUIDs) of the visible GPUs, in CUDA's order.

    As CUDA reads ``CUDA_VISIBLE_DEVICES``: the list ends at the first entry it
    cannot understand or that does not exist.
    """
    setting = os.environ.get("CUDA_VISIBLE_DEVICES")
    if setting is None:
        return list(range(count))
    visible: list[int | str] = []
    for entry in setting.split(","):
        name = entry.strip()
        if name.isdigit() and int(name) < count:
            visible.append(int(name))
        elif name.startswith(("GPU-", "MIG-")) and count:
            visible.append(name)
        else:
            break
    return visible


@dataclass(frozen=True)
class GpuMemory:
    """Memory of a GPU, in bytes.

    Attributes:
        used: by all processes.
        total: that it has.
    """

    used: int
    total: int


class GpuMonitor:
    """Utilisation, read at most once a second, and memory of the GPU a session runs on.

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

    def utilization(self) -> float | None:
        """Share of the last sample period in which a kernel ran, 0…1; None if NVML cannot say."""
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
        """Memory in use and in all; None if NVML cannot say."""
        try:
            memory = pynvml.nvmlDeviceGetMemoryInfo(self._handle)
        except pynvml.NVMLError:
            return None
        return GpuMemory(int(memory.used), int(memory.total))
