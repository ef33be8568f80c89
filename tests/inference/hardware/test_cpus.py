import os
from pathlib import Path

import pytest

from inference.hardware import cpus
from inference.hardware.cpus import usable_cpus

V2, V1_QUOTA, V1_PERIOD = "_CGROUP_V2", "_CGROUP_V1_QUOTA", "_CGROUP_V1_PERIOD"


class Machine:
    """One whose affinity mask and cgroup files a test chooses."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch
        for name in (V2, V1_QUOTA, V1_PERIOD):
            monkeypatch.setattr(cpus, name, folder / name)
        self.sees(8)

    def sees(self, processors: int) -> None:
        mask = set(range(processors))
        self._monkeypatch.setattr(os, "sched_getaffinity", lambda pid: mask, raising=False)

    def has(self, **files: str) -> None:
        for name, content in files.items():
            (self._folder / name).write_text(content)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_without_a_cgroup_the_affinity_mask_counts(machine: Machine) -> None:
    assert usable_cpus() == 8
    machine.sees(3)
    assert usable_cpus() == 3


def test_without_affinity_masks_all_processors_count(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert usable_cpus() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cpus() == 1


QUOTAS = [
    ("max", "100000", 8),
    ("50000", "100000", 1),
    ("100000", "100000", 1),
    ("150000", "100000", 1),
    ("200000", "100000", 2),
    ("399999", "100000", 3),
    ("25000", "5000", 5),
    ("1600000", "100000", 8),
    ("1000", "100000", 1),
]


@pytest.mark.parametrize(("quota", "period", "expected"), QUOTAS)
def test_a_quota_of_either_cgroup_limits_to_whole_processors(
    quota: str, period: str, expected: int, machine: Machine
) -> None:
    machine.has(_CGROUP_V1_QUOTA=quota.replace("max", "-1"), _CGROUP_V1_PERIOD=f"{period}\n")
    assert usable_cpus() == expected
    machine.has(_CGROUP_V2=f"{quota} {period}\n")
    assert usable_cpus() == expected


def test_cgroup_v2_goes_before_v1(machine: Machine) -> None:
    machine.has(
        _CGROUP_V2="300000 100000\n", _CGROUP_V1_QUOTA="200000\n", _CGROUP_V1_PERIOD="100000\n"
    )

    assert usable_cpus() == 3


@pytest.mark.parametrize(
    "files",
    [
        {V1_QUOTA: "200000\n"},
        {V1_PERIOD: "100000\n"},
        {V2: ""},
        {V2: "200000"},
        {V2: "two 100000"},
        {V1_QUOTA: "two", V1_PERIOD: "100000"},
    ],
)
def test_what_cannot_be_read_sets_no_limit(files: dict[str, str], machine: Machine) -> None:
    machine.has(**files)

    assert usable_cpus() == 8


def test_this_machine_has_at_least_one_and_no_more_than_it_shows() -> None:
    assert 1 <= usable_cpus() <= (os.cpu_count() or 1)
