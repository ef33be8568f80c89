"""What a worker takes of the machine: one process exactly, two behind one `/metrics`."""

import asyncio
import errno
import os
import time
from pathlib import Path
from typing import cast

import psutil
import pytest
from prometheus_client import REGISTRY

from harness.servers import running, samples, toy_home
from inference.hardware.gpu import GpuMemory, GpuMonitor
from resilience.processes import until, workers
from serving.metrics import resources as resource_metrics
from serving.metrics.resources import ResourceRecorder, record_for_ever

CPU = "image_classifier_worker_cpu_seconds_total"
MEMORY = "image_classifier_worker_resident_bytes"


class Gpu:
    """A GpuMonitor with the readings that a test chooses."""

    device_id = 3

    def __init__(self, utilization: float | None, memory: GpuMemory | None) -> None:
        self.utilization = lambda: utilization
        self.memory = lambda: memory
        self.power = lambda: None if utilization is None else 61.5
        self.temperature = lambda: None if utilization is None else 41.0


def recorded(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_processor_time_and_memory_are_the_processs_own() -> None:
    recorder = ResourceRecorder(41, None)
    recorder.record()
    before = recorded(CPU, worker="41")
    assert before is not None
    end = time.process_time() + 0.2
    while time.process_time() < end:
        sum(range(1000))
    recorder.record()
    times = psutil.Process().cpu_times()
    now = recorded(CPU, worker="41")
    assert now is not None
    assert now == pytest.approx(times.user + times.system, abs=0.1)
    assert now - before >= 0.15
    resident = psutil.Process().memory_info().rss
    assert recorded(MEMORY, worker="41") == pytest.approx(resident, rel=0.1)


def test_the_gpu_is_recorded_as_far_as_the_driver_can_say() -> None:
    memory = GpuMemory(used=6, total=8)
    ResourceRecorder(1, cast("GpuMonitor", Gpu(0.25, memory))).record()
    names = (
        *("utilization", "memory_used_bytes", "memory_total_bytes"),
        *("power_watts", "temperature_celsius"),
    )

    def values() -> list[float | None]:
        return [recorded(f"image_classifier_gpu_{name}", gpu="3") for name in names]

    assert values() == [0.25, 6, 8, 61.5, 41.0]
    ResourceRecorder(1, cast("GpuMonitor", Gpu(None, None))).record()
    assert values() == [0.25, 6, 8, 61.5, 41.0]


class OutOfDescriptors(ResourceRecorder):
    """Cannot read anything the first time."""

    def __init__(self) -> None:
        super().__init__(42, None)
        self.records = 0

    def record(self) -> None:
        self.records += 1
        if self.records == 1:
            raise OSError(errno.EMFILE, "too many open files")
        super().record()
        raise KeyboardInterrupt


def test_what_cannot_be_read_is_read_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_metrics, "RECORD_SECONDS", 0)
    recorder = OutOfDescriptors()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(record_for_ever(recorder.record))
    assert recorder.records == 2
    assert recorded(MEMORY, worker="42") is not None


@pytest.mark.slow
def test_every_worker_is_in_the_metrics_of_each(tmp_path: Path) -> None:
    settings = {"CLASSIFIER_WORKERS": "2"}
    with running(toy_home(tmp_path), tmp_path, settings) as server:

        def both_are_there() -> bool:
            return all(
                {each.labels["worker"] for each in samples(server, name)} == {"1", "2"}
                for name in (CPU, MEMORY)
            )

        until(both_are_there, 10, "both workers in /metrics")
        resident = sorted(worker.memory_info().rss for worker in workers(server))
        shown = sorted(each.value for each in samples(server, MEMORY))
        assert shown == pytest.approx(resident, rel=0.2)
        most = 60 * (os.cpu_count() or 1)
        assert all(0 < each.value < most for each in samples(server, CPU))
