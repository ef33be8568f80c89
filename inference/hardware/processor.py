"""What this machine's processor is and which instructions for small numbers it has."""

import platform
import re
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")

# Of Linux, for products of 8 bits that are added in 32.
_VNNI = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})


def processor_name() -> str:
    """As the processor calls itself; its architecture where it does not."""
    match = re.search(r"^model name\s*: (.+)$", _cpuinfo(), re.MULTILINE)
    return match[1].strip() if match else platform.machine()


def adds_int8_exactly() -> bool:
    """Whether sums of products of 8 bits are kept in more than 16.

    On x86-64 that takes VNNI: without it, ONNX Runtime and OpenVINO add two products in 16 bits,
    where they may not fit.
    """
    return platform.machine() not in ("x86_64", "AMD64") or not _VNNI.isdisjoint(_flags())


def _flags() -> list[str]:
    match = re.search(r"^flags\s*:(.*)$", _cpuinfo(), re.MULTILINE)
    return match[1].split() if match else []


def _cpuinfo() -> str:
    try:
        return _CPUINFO.read_text(encoding="utf-8")
    except OSError:
        return ""
