import pytest

from inference import RunnerOptions
from inference.batching.batch_size import Sizes
from serving.workers import sizing
from serving.workers import table as tables
from serving.workers.table import WorkerTable
from settings import Device, Settings

GIB = 2**30


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Eight processors and no GPU."""
    monkeypatch.setattr(sizing, "usable_cpus", lambda: 8)
    monkeypatch.setattr(sizing, "count_gpus", lambda: 0)
    monkeypatch.setattr(sizing, "least_memory", lambda: None)
    return monkeypatch


def test_on_the_cpu_each_processor_has_a_worker_with_one_thread(
    machine: pytest.MonkeyPatch,
) -> None:
    settings = Settings()
    assert sizing.workers(settings) == 8
    assert sizing.intra_op_threads(settings) == 1
    found = sizing.runner_options(settings, Device.CPU, lambda: Sizes(1, 4))
    assert found == RunnerOptions(1, 4, 0.0, max_pending_images=256, decode_threads=0)


def test_fewer_workers_have_more_threads_each(machine: pytest.MonkeyPatch) -> None:
    assert sizing.intra_op_threads(Settings(workers=3)) == 2
    assert sizing.intra_op_threads(Settings(workers=16)) == 1


def give_gpu(machine: pytest.MonkeyPatch, total_bytes: int | None) -> None:
    """A GPU of some memory; None: NVML cannot tell."""
    machine.setattr(sizing, "count_gpus", lambda: 1)
    machine.setattr(sizing, "least_memory", lambda: total_bytes)


@pytest.mark.parametrize(
    ("total_bytes", "expected"),
    [
        (85_520_809_984, 4),  # H100
        (4 * 4 * GIB, 4),
        (4 * 4 * GIB - 1, 3),
        (4 * GIB - 1, 1),
        (None, 4),
    ],
)
def test_a_gpu_has_no_more_workers_than_fit_into_its_memory(
    machine: pytest.MonkeyPatch, total_bytes: int | None, expected: int
) -> None:
    give_gpu(machine, total_bytes)
    assert sizing.workers(Settings()) == expected


def test_a_gpu_is_shared_by_four_workers_that_decode_ahead(machine: pytest.MonkeyPatch) -> None:
    give_gpu(machine, 80 * GIB)
    settings = Settings()
    assert sizing.workers(settings) == 4
    found = sizing.runner_options(settings, Device.CUDA, lambda: Sizes(8, 8))
    assert found == RunnerOptions(32, 32, 0.0, max_pending_images=256, decode_threads=2)


def test_settings_override_the_derived_values(machine: pytest.MonkeyPatch) -> None:
    settings = Settings(
        workers=2,
        intra_op_threads=3,
        decode_threads=0,
        max_batch_size=5,
        max_batch_delay_ms=2.5,
        max_pending_images=7,
    )
    assert sizing.workers(settings) == 2
    assert sizing.intra_op_threads(settings) == 3
    expected = RunnerOptions(5, 5, 0.0025, max_pending_images=7, decode_threads=0)
    assert sizing.runner_options(settings, Device.CUDA, lambda: Sizes(8, 8)) == expected
    assert sizing.runner_options(settings, Device.CPU, lambda: Sizes(8, 8)) == expected


@pytest.mark.parametrize(
    ("device", "gpus", "wanted"),
    [
        (Device.AUTO, 0, False),
        (Device.AUTO, 2, True),
        (Device.CPU, 2, False),
        (Device.OPENVINO, 2, False),
        (Device.CUDA, 0, True),
        (Device.TENSORRT, 0, True),
    ],
)
def test_when_the_workers_try_a_gpu(
    machine: pytest.MonkeyPatch, device: Device, gpus: int, wanted: bool
) -> None:
    machine.setattr(sizing, "count_gpus", lambda: gpus)
    assert sizing.wants_gpu(Settings(device=device)) is wanted


def test_workers_of_one_service_take_the_sizes_that_the_first_has_measured(
    table: WorkerTable,
) -> None:
    first, second = Sizes(4, 8), Sizes(2, 2)
    measured: list[Sizes] = []

    def measure_late() -> Sizes:
        measured.append(second)
        assert sizing.agreed_sizes(lambda: first) == first  # another worker is faster
        return second

    assert sizing.agreed_sizes(measure_late) == first
    assert sizing.agreed_sizes(measure_late) == first  # it is not measured again
    assert measured == [second]


def test_a_process_alone_measures_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tables._VARIABLE, raising=False)
    assert sizing.agreed_sizes(lambda: Sizes(3, 4)) == Sizes(3, 4)
