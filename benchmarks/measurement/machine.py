"""The machine: where a benchmark ran, and what its processors did meanwhile."""

import platform
from pathlib import Path

import psutil

from benchmarks.report.results import Machine
from inference.hardware.cpus import usable_cpus

_GIGABYTE = 10**9


def machine() -> Machine:
    return Machine(
        processor=_processor(),
        cpus=usable_cpus(),
        memory_gb=psutil.virtual_memory().total / _GIGABYTE,
        system=f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        python=platform.python_version(),
    )


def machine_cpu_seconds() -> float:
    """Processor time that anything on the machine used, or that its host took, since it started."""
    times = psutil.cpu_times()
    return float(sum(times[:3]) + times.irq + times.softirq + times.steal)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
