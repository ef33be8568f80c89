import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from inference.hardware import gpu
from inference.hardware.gpu import GpuMemory, GpuMonitor, count_gpus, least_memory


def driver_is_missing() -> bool:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return True
    return False


@pytest.mark.skipif(not driver_is_missing(), reason="this machine has NVIDIA's driver")
def test_without_a_driver_there_are_no_gpus_and_waiting_needs_no_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert gpu.driver_version() is None
    gpu.wait_without_spinning(0)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert count_gpus() == 0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert count_gpus() == 0


class NVMLError(Exception):
    """As the real one: the base of all."""


UUIDS = {"handle 0": "GPU-8932f937-d72c", "handle 1": "GPU-8f2c3b4a-1e77"}
PART = "MIG-4d5e6f70-9a1b"


class Driver:
    """What this room asks of NVML, for two GPUs; ``percent`` None means: it cannot say."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.percent: int | None = 0
        self.asked: list[str] = []
        self.initialised = False

    def as_pynvml(self) -> SimpleNamespace:
        return SimpleNamespace(
            NVMLError=NVMLError,
            nvmlInit=self._init,
            nvmlDeviceGetCount=self._initialised(lambda: 2),
            nvmlDeviceGetHandleByIndex=self._initialised(lambda index: f"handle {index}"),
            nvmlDeviceGetHandleByUUID=self._initialised(self._by_uuid),
            nvmlDeviceGetUUID=self._initialised(UUIDS.__getitem__),
            nvmlDeviceGetUtilizationRates=self._initialised(self._rates),
            nvmlDeviceGetMemoryInfo=self._initialised(self._memory),
            nvmlMemory_v2=pynvml.nvmlMemory_v2,
            nvmlDeviceGetPowerUsage=self._initialised(lambda handle: self._said(61_500)),
            nvmlDeviceGetTemperature=self._initialised(lambda handle, sensor: self._said(41)),
            nvmlDeviceGetName=self._initialised(lambda handle: f"name of {handle}"),
            nvmlSystemGetDriverVersion=self._initialised(lambda: "580.159.04"),
        )

    def _init(self) -> None:
        self.initialised = True

    def _initialised(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def checked(*args: Any) -> Any:
            if not self.initialised:
                raise NVMLError("uninitialised")
            return function(*args)

        return checked

    def _by_uuid(self, uuid: str) -> str:
        if uuid not in (*UUIDS.values(), PART):
            raise NVMLError("not found")
        return f"handle {uuid}"

    def _rates(self, handle: str) -> SimpleNamespace:
        self.asked.append(handle)
        if self.percent is None:
            raise NVMLError("not supported")
        return SimpleNamespace(gpu=self.percent, memory=99)

    def _said(self, number: int) -> int:
        if self.percent is None:
            raise NVMLError("not supported")
        return number

    def _memory(self, handle: str, version: int) -> SimpleNamespace:
        if self.percent is None:
            raise NVMLError("not supported")
        assert version == pynvml.nvmlMemory_v2
        return SimpleNamespace(used=3, reserved=1, free=4, total=8)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    driver = Driver()
    monkeypatch.setattr(gpu, "pynvml", driver.as_pynvml())
    monkeypatch.setattr(gpu, "time", SimpleNamespace(monotonic=lambda: driver.now))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return driver


VISIBLE: list[tuple[str | None, list[int | str]]] = [
    (None, [0, 1]),
    ("", []),
    ("0", [0]),
    ("1", [1]),
    ("1,0", [1, 0]),
    (" 1 , 0 ", [1, 0]),
    ("0,7,1", [0]),
    ("2", []),
    ("-1", []),
    ("0,-1,1", [0]),
    ("NoDevFiles", []),
    ("GPU-8932f937-d72c", [0]),
    ("GPU-8f,GPU-89", [1, 0]),
    ("GPU-8", []),  # of both
    ("GPU-8932f937-d72c,GPU-00000000,1", [0]),
    (PART, [PART]),
    ("MIG-00000000", []),
]


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(("setting", "expected"), VISIBLE)
def test_visible_gpus_are_those_that_cuda_sees(
    setting: str | None, expected: list[int | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if setting is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", setting)

    assert count_gpus() == len(expected)
    assert gpu._visible_gpus(2) == expected
    assert gpu._visible_gpus(0) == []


def test_utilisation_is_a_share_of_one_and_read_at_most_once_a_second(driver: Driver) -> None:
    monitor = GpuMonitor(0)
    driver.percent = 10
    assert monitor.utilization() == 0.1

    driver.percent = 20
    driver.now += 0.999
    assert monitor.utilization() == 0.1
    driver.now += 0.001
    assert monitor.utilization() == 0.2
    assert len(driver.asked) == 2


def test_utilisation_is_none_while_nvml_cannot_say(driver: Driver) -> None:
    monitor = GpuMonitor(0)
    driver.percent = None
    assert monitor.utilization() is None
    assert monitor.utilization() is None
    assert len(driver.asked) == 1

    driver.percent = 50
    driver.now += 1
    assert monitor.utilization() == 0.5


@pytest.mark.parametrize(
    ("setting", "device_id", "handle"),
    [
        (None, 0, "handle 0"),
        (None, 1, "handle 1"),
        ("1,0", 0, "handle 1"),
        ("1,0", 1, "handle 0"),
        ("GPU-8f2c", 0, "handle 1"),
        (PART, 0, f"handle {PART}"),
    ],
)
def test_the_gpu_that_is_watched_is_the_one_that_cuda_means(
    setting: str | None,
    device_id: int,
    handle: str,
    driver: Driver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if setting is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", setting)

    GpuMonitor(device_id).utilization()

    assert driver.asked == [handle]


def test_memory_is_read_every_time_and_none_while_nvml_cannot_say(driver: Driver) -> None:
    monitor = GpuMonitor(1)
    assert monitor.device_id == 1
    assert monitor.memory() == GpuMemory(used=3, total=8)

    driver.percent = None
    assert monitor.memory() is None
    assert least_memory() is None


def test_power_is_in_watts_and_temperature_in_degrees_or_none(driver: Driver) -> None:
    monitor = GpuMonitor(0)
    assert (monitor.power(), monitor.temperature()) == (61.5, 41.0)
    driver.percent = None
    assert (monitor.power(), monitor.temperature()) == (None, None)


def test_the_least_memory_is_that_of_the_smallest_gpu_that_can_be_read(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def memory_of(handle: str, version: int) -> SimpleNamespace:
        return SimpleNamespace(used=0, total={"handle 0": 8, "handle 1": 4}[handle])

    monkeypatch.setattr("inference.hardware.gpu.pynvml.nvmlDeviceGetMemoryInfo", memory_of)
    assert least_memory() == 4
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert least_memory() == 8
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert least_memory() is None


@pytest.mark.usefixtures("driver")
def test_driver_and_product_are_named() -> None:
    assert gpu.driver_version() == "580.159.04"
    assert GpuMonitor(1).name() == "name of handle 1"


@pytest.mark.parametrize(("there", "flags"), [(True, [(7, 4)]), (False, [])])
def test_threads_that_wait_for_a_gpu_sleep(
    there: bool, flags: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def device_get(device: Any, index: int) -> int:
        device._obj.value = 7
        assert index == 2
        return 0 if there else 101  # CUDA_ERROR_INVALID_DEVICE

    cuda = SimpleNamespace(
        cuInit=lambda flags: 0,
        cuDeviceGet=device_get,
        cuDevicePrimaryCtxSetFlags_v2=lambda device, flag: asked.append((device.value, flag)),
    )
    monkeypatch.setattr(ctypes, "CDLL", lambda name: {"libcuda.so.1": cuda}[name])
    gpu.wait_without_spinning(2)
    assert asked == flags
