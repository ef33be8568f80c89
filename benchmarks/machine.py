"""Where a benchmark ran, and with which versions."""

import json
import platform
import subprocess
from pathlib import Path

import psutil

from benchmarks.results import Machine
from benchmarks.stacks import Stack
from inference.cpus import usable_cpus

_GIGABYTE = 10**9

_ASK = """
import importlib.metadata, json, sys
found = {each.name.lower(): each.version for each in importlib.metadata.distributions()}
print(json.dumps({name: found[name] for name in sys.argv[1:] if name in found}))
"""


def machine() -> Machine:
    """This one."""
    return Machine(
        processor=_processor(),
        cpus=usable_cpus(),
        memory_gb=psutil.virtual_memory().total / _GIGABYTE,
        system=f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        python=platform.python_version(),
    )


def versions(stack: Stack) -> dict[str, str]:
    """Of a stack's packages; none if it is not installed."""
    if not stack.python.exists():
        return {}
    done = subprocess.run(
        [str(stack.python), "-c", _ASK, *stack.packages], capture_output=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
