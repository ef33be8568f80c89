from pathlib import Path

import pytest

from benchmarks.tune import candidates
from benchmarks.tune.candidates import stages, told, upon, write
from serving.workers import sizing
from settings import Device, Settings, load_settings


def tried(monkeypatch: pytest.MonkeyPatch, cpus: int, gpus: int = 0) -> dict[str, list[str]]:
    for module in (sizing, candidates):
        monkeypatch.setattr(module, "usable_cpus", lambda: cpus)
    monkeypatch.setattr(sizing, "count_gpus", lambda: gpus)
    found = stages(Settings(device=Device.AUTO))
    return {name: [o[name] for o in stage] for stage in found for name in stage[0]}


BATCH_AND_DELAY = {"max_batch_size": ["1", "2", "4", "16"], "max_batch_delay_ms": ["2", "5"]}


@pytest.mark.parametrize(
    ("cpus", "workers", "threads"),
    [(1, ["2"], ["2"]), (2, ["1", "4"], ["2"]), (8, ["1", "4", "16"], ["2", "8"])],
)
def test_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch, cpus: int, workers: list[str], threads: list[str]
) -> None:
    assert tried(monkeypatch, cpus) == {
        "workers": workers,
        "intra_op_threads": threads,
        **BATCH_AND_DELAY,
        "decode_threads": ["1"],
    }


def test_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried(monkeypatch, cpus=8, gpus=1) == {
        "device": ["tensorrt"],
        "workers": ["1", "2", "8"],
        "max_batch_size": ["8", "16", "64", "128"],
        "max_batch_delay_ms": ["2", "5"],
        "decode_threads": ["0", "1", "4"],
    }


def test_a_stage_builds_upon_the_best_before() -> None:
    stage = [{"max_batch_size": "8"}]
    assert [*upon({"workers": "4"}, stage)] == [{"workers": "4", "max_batch_size": "8"}]
    assert told({"workers": "4", "max_batch_size": "8"}) == "workers=4, max_batch_size=8"
    assert told({}) == "defaults"


def test_the_file_is_read_back_as_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tuned.env"
    write(file, {"workers": "3", "max_batch_delay_ms": "2"}, "measured")
    assert file.read_text() == (
        "# measured\nCLASSIFIER_WORKERS=3\nCLASSIFIER_MAX_BATCH_DELAY_MS=2\n"
    )
    for line in file.read_text().splitlines()[1:]:
        monkeypatch.setenv(*line.split("=", 1))
    settings = load_settings()
    assert (settings.workers, settings.max_batch_delay_ms) == (3, 2.0)
