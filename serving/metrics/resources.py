"""Processor time, memory and GPU use of each worker, for ``/metrics``.

prometheus_client's process metrics do not work with several processes. The labels here are
numbers of workers and GPUs, not process ids: a replaced worker continues its predecessor's
series.
"""

import asyncio
import contextlib
from collections.abc import Callable

import psutil
from prometheus_client import Counter, Gauge

from inference.hardware.gpu import GpuMonitor

RECORD_SECONDS = 1.0
"""Interval between two records."""


def _gauge(name: str, documentation: str, label: str) -> Gauge:
    return Gauge(
        f"image_classifier_{name}", documentation, (label,), multiprocess_mode="mostrecent"
    )


_cpu_seconds = Counter(
    "image_classifier_worker_cpu_seconds",
    "Processor time of a worker, user and system",
    ("worker",),
)
_resident_bytes = _gauge(
    "worker_resident_bytes",
    "Memory of a worker that is not swapped out, shared libraries included",
    "worker",
)
_gpu_utilization = _gauge(
    "gpu_utilization", "Share of the time in which a kernel ran, 0 to 1", "gpu"
)
_gpu_memory_used = _gauge(
    "gpu_memory_used_bytes", "Memory of a GPU in use, by all processes", "gpu"
)
_gpu_memory_total = _gauge("gpu_memory_total_bytes", "Memory of a GPU", "gpu")
_gpu_power = _gauge("gpu_power_watts", "Power that a GPU's board draws", "gpu")
_gpu_temperature = _gauge("gpu_temperature_celsius", "Temperature of a GPU's die", "gpu")


class ResourceRecorder:
    """Records the resources of this process, a worker numbered from 1, and of its GPU, if any."""

    def __init__(self, worker: int, gpu: GpuMonitor | None) -> None:
        self._process = psutil.Process()
        self._worker = str(worker)
        self._gpu = gpu
        self._counted = 0.0

    def record(self) -> None:
        """Record once."""
        times = self._process.cpu_times()
        used = times.user + times.system
        _cpu_seconds.labels(self._worker).inc(max(0.0, used - self._counted))
        self._counted = used
        _resident_bytes.labels(self._worker).set(self._process.memory_info().rss)
        if self._gpu is not None:
            self._record_gpu(self._gpu)

    def _record_gpu(self, gpu: GpuMonitor) -> None:
        label = str(gpu.device_id)
        memory = gpu.memory()
        for gauge, value in (
            (_gpu_utilization, gpu.utilization()),
            (_gpu_power, gpu.power()),
            (_gpu_temperature, gpu.temperature()),
            (_gpu_memory_used, memory and memory.used),
            (_gpu_memory_total, memory and memory.total),
        ):
            if value is not None:
                gauge.labels(label).set(value)


async def record_for_ever(*records: Callable[[], None]) -> None:
    """Record until cancelled. A value that cannot be read is skipped until the next time."""
    while True:
        for record in records:
            # /proc cannot be read if the process has no free descriptor.
            with contextlib.suppress(OSError, psutil.Error):
                record()
        await asyncio.sleep(RECORD_SECONDS)
