"""What each worker takes of the machine, for ``/metrics``.

Prometheus' own process metrics are not kept in several processes at once; these are. The
labels are the worker's and the GPU's numbers, not process ids: a worker that takes a dead
one's place goes on where that one ended.
"""

import asyncio
import contextlib
from collections.abc import Callable

import psutil
from prometheus_client import Counter, Gauge

from inference.gpu import GpuMonitor

RECORD_SECONDS = 1.0
"""Between two records."""

_cpu_seconds = Counter(
    "image_classifier_worker_cpu_seconds",
    "Processor time of a worker, user and system",
    ("worker",),
)
_resident_bytes = Gauge(
    "image_classifier_worker_resident_bytes",
    "Memory of a worker that is not swapped out, shared libraries included",
    ("worker",),
    multiprocess_mode="mostrecent",
)
_gpu_utilization = Gauge(
    "image_classifier_gpu_utilization",
    "Share of the time in which a kernel ran, 0 to 1",
    ("gpu",),
    multiprocess_mode="mostrecent",
)
_gpu_memory_used = Gauge(
    "image_classifier_gpu_memory_used_bytes",
    "Memory of a GPU in use, by all processes",
    ("gpu",),
    multiprocess_mode="mostrecent",
)
_gpu_memory_total = Gauge(
    "image_classifier_gpu_memory_total_bytes",
    "Memory of a GPU",
    ("gpu",),
    multiprocess_mode="mostrecent",
)


class ResourceRecorder:
    """Records what this process and its GPU take.

    Args:
        worker: this process's number, counted from 1.
        gpu: that its session runs on; None without one.
    """

    def __init__(self, worker: int, gpu: GpuMonitor | None) -> None:
        self._process = psutil.Process()
        self._worker = str(worker)
        self._gpu = gpu
        self._counted = 0.0

    def record(self) -> None:
        """Bring the metrics up to date."""
        times = self._process.cpu_times()
        used = times.user + times.system
        _cpu_seconds.labels(self._worker).inc(max(0.0, used - self._counted))
        self._counted = used
        _resident_bytes.labels(self._worker).set(self._process.memory_info().rss)
        if self._gpu is not None:
            self._record_gpu(self._gpu)

    def _record_gpu(self, gpu: GpuMonitor) -> None:
        label = str(gpu.device_id)
        utilization, memory = gpu.utilization(), gpu.memory()
        if utilization is not None:
            _gpu_utilization.labels(label).set(utilization)
        if memory is not None:
            _gpu_memory_used.labels(label).set(memory.used)
            _gpu_memory_total.labels(label).set(memory.total)


async def record_for_ever(*records: Callable[[], None]) -> None:
    """Record again and again until cancelled; what cannot be read now is read the next time."""
    while True:
        for record in records:
            # Without a free descriptor nothing can be read below /proc.
            with contextlib.suppress(OSError, psutil.Error):
                record()
        await asyncio.sleep(RECORD_SECONDS)
