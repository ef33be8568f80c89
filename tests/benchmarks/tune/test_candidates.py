from pathlib import Path

import pytest

from benchmarks.tune import candidates
from benchmarks.tune.candidates import Variant, stages, told, upon, write
from model_spec import Precision
from serving.workers import sizing
from settings import Device, Settings, load_settings

INT8 = Variant("image_classifier:toy-int8", Precision.INT8)
BF16 = Variant("image_classifier:toy-bf16", Precision.BF16)
FP16 = Variant("image_classifier:toy-fp16", Precision.FP16)


def engines(
    monkeypatch: pytest.MonkeyPatch, *, openvino: bool, gpus: int, device: Device = Device.AUTO
) -> list[tuple[str, str]]:
    """Ends of the tags, and the devices."""
    monkeypatch.setattr(candidates, "openvino_version", lambda: "2026.0" if openvino else None)
    monkeypatch.setattr(sizing, "count_gpus", lambda: gpus)
    first, *_ = stages(Settings(device=device), [INT8, BF16, FP16])
    return [(each.get("model", "")[-4:], each.get("device", "")) for each in first]


def test_each_precision_is_tried_on_each_device_that_it_is_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert engines(monkeypatch, openvino=False, gpus=0) == [("int8", "")]
    assert engines(monkeypatch, openvino=True, gpus=0) == [
        *(("", "openvino"), ("int8", ""), ("int8", "openvino"), ("bf16", "openvino"))
    ]
    assert engines(monkeypatch, openvino=True, gpus=0, device=Device.OPENVINO) == [
        *(("", "cpu"), ("int8", ""), ("int8", "cpu"), ("bf16", ""))
    ]
    assert engines(monkeypatch, openvino=True, gpus=1) == [
        *(("", "tensorrt"), ("fp16", ""), ("fp16", "tensorrt"))
    ]


def tried(monkeypatch: pytest.MonkeyPatch, cpus: int, gpus: int = 0) -> dict[str, list[str]]:
    for module in (sizing, candidates):
        monkeypatch.setattr(module, "usable_cpus", lambda: cpus)
    monkeypatch.setattr(candidates, "openvino_version", lambda: None)
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
    write(file, {"workers": "3", "max_batch_delay_ms": "2"}, "measured", "toy")
    assert file.read_text() == (
        "# measured\nCLASSIFIER_WORKERS=3\nCLASSIFIER_MAX_BATCH_DELAY_MS=2\n"
    )
    for line in file.read_text().splitlines()[1:]:
        monkeypatch.setenv(*line.split("=", 1))
    settings = load_settings()
    assert (settings.workers, settings.max_batch_delay_ms) == (3, 2.0)


def test_the_file_names_the_model_that_stands_in(tmp_path: Path) -> None:
    file = tmp_path / "tuned.env"
    write(file, {"model": "toy-int8", "workers": "3"}, "measured", "toy-fp32")
    assert file.read_text() == (
        "# measured\nCLASSIFIER_WORKERS=3\nTUNED_FOR=toy-fp32\nTUNED_MODEL=toy-int8\n"
    )
