import ctypes
import re
from unittest import mock

import onnxruntime
import pytest

from inference import doctor
from inference.doctor import Finding, examine
from inference.hardware.gpu import count_gpus
from settings import Device
from tests.support.documents import DOCS

ALL = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
GPU_DEVICES = (Device.CUDA, Device.TENSORRT)


class Machine:
    """What the doctor asks of a machine; by default one GPU and every library."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.gpus, self.driver = 1, "580.159.04"
        self.providers, self.missing = ALL, ""
        self.loaded: list[str] = []
        patch.setattr(doctor, "count_gpus", lambda: self.gpus)
        patch.setattr(doctor, "driver_version", lambda: self.driver)
        patch.setattr(onnxruntime, "get_available_providers", lambda: self.providers)
        patch.setattr(onnxruntime, "cuda_version", "13.0")
        patch.setattr(onnxruntime, "preload_dlls", lambda: None)
        patch.setattr(ctypes, "CDLL", self._load)
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def _load(self, name: str) -> None:
        if self.missing and self.missing in name:
            raise OSError("libneeded.so.10: cannot open shared object file")
        self.loaded.append(name.rpartition("/")[2])


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.mark.parametrize("device", GPU_DEVICES)
def test_a_complete_machine_is_ready(device: Device, machine: Machine) -> None:
    assert examine(device) == Finding(device)
    names = ["providers_shared.so", "providers_cuda.so", "providers_tensorrt.so"]
    wanted = [f"libonnxruntime_{name}" for name in names]
    wanted.insert(2, "libcudnn.so.9")
    assert machine.loaded == (wanted if device is Device.TENSORRT else wanted[:3])


@pytest.mark.parametrize("device", GPU_DEVICES)
def test_a_build_of_onnx_runtime_without_the_provider_is_said_first(
    device: Device, machine: Machine
) -> None:
    machine.providers, machine.gpus = ALL[2:], 0
    provider = ALL[1] if device is Device.CUDA else ALL[0]
    assert examine(device) == Finding(
        device, f"this build of ONNX Runtime has no {provider}", "pip install '.[gpu]'"
    )


def test_openvino_is_ready_if_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "openvino_version", lambda: "2026.4.1")
    assert examine(Device.OPENVINO) == Finding(Device.OPENVINO)
    monkeypatch.setattr(doctor, "openvino_version", lambda: None)
    assert examine(Device.OPENVINO) == Finding(
        Device.OPENVINO, "OpenVINO cannot be imported", "pip install '.[openvino]'"
    )


def test_without_a_driver_it_says_to_install_one(machine: Machine) -> None:
    machine.gpus, machine.driver = 0, None  # type: ignore[assignment]
    assert examine(Device.CUDA) == Finding(
        Device.CUDA,
        "the NVIDIA driver shows no GPU",
        "install NVIDIA's driver; in a container: docker run --gpus all",
    )


def test_gpus_that_the_environment_hides_are_not_blamed_on_the_driver(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.gpus = 0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert examine(Device.CUDA).remedy == "unset CUDA_VISIBLE_DEVICES"


@pytest.mark.parametrize("library", ["providers_cuda", "libcudnn"])
def test_a_missing_library_of_cuda_is_named(library: str, machine: Machine) -> None:
    machine.missing = library
    for device in GPU_DEVICES:
        assert examine(device) == Finding(
            device, "libneeded.so.10: cannot open shared object file", "pip install '.[gpu]'"
        )


def test_without_tensorrt_cuda_is_ready(machine: Machine) -> None:
    machine.missing = "providers_tensorrt"
    assert examine(Device.CUDA).missing is None
    finding = examine(Device.TENSORRT)
    assert finding.missing == "libneeded.so.10: cannot open shared object file"
    assert finding.remedy is not None
    assert finding.remedy.startswith("pip install 'tensorrt-cu13-libs<11', then export LD_")


def test_the_document_shows_every_line(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.missing = "providers_tensorrt"
    monkeypatch.setattr(doctor, "openvino_version", lambda: None)
    gpu = mock.Mock()
    gpu.memory.return_value = None
    monkeypatch.setattr(doctor, "GpuMonitor", lambda _: gpu)
    (shown,) = re.findall(r"```\n(processors .+?)```", DOCS["gpu.md"], flags=re.DOTALL)
    names = [line[:13] for line in shown.splitlines()]
    assert names == [line[:13] for line in doctor.report()]


@pytest.mark.skipif(count_gpus() > 0, reason="this machine has a GPU")
@pytest.mark.parametrize(("device", "status"), [("auto", 0), ("cpu", 0), ("cuda", 1), ("x", 1)])
def test_the_command_ends_with_whether_the_device_can_be_had(
    device: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLASSIFIER_DEVICE", device)
    assert doctor.main() == status
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"ONNX Runtime  {onnxruntime.__version__}: ")
    assert "cpu           ready" in lines
    assert any(line.startswith("cuda          missing: ") for line in lines)
