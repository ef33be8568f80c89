from pathlib import Path

import pytest

from inference.hardware import processor
from inference.hardware.processor import adds_int8_exactly, processor_name

XEON = "processor\t: 0\nmodel name\t: Toy Xeon\nflags\t\t: fpu avx2 {}\n"


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor, "_CPUINFO", path)
    return path


@pytest.mark.parametrize(
    ("machine", "flag", "exact"),
    [
        ("x86_64", "", False),
        ("x86_64", "avx512_vnni", True),
        ("x86_64", "avx_vnni", True),
        ("aarch64", "", True),
    ],
)
def test_vnni_adds_exactly(
    machine: str, flag: str, exact: bool, cpuinfo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    cpuinfo.write_text(XEON.format(flag))
    assert adds_int8_exactly() is exact


def test_the_name_is_the_processors_own(cpuinfo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert processor_name() == "riscv64"
    cpuinfo.write_text(XEON)
    assert processor_name() == "Toy Xeon"
