"""What only a machine with a GPU can show."""

from pathlib import Path

import numpy as np
import pytest

from inference import OnnxSession, open_session
from inference.hardware.gpu import GpuMonitor, count_gpus
from settings import Device
from tests.inference.sessions.test_session import BATCH, EXPECTED

pytestmark = pytest.mark.skipif(count_gpus() == 0, reason="this machine has no GPU")

CPU, CUDA = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA"))


@pytest.fixture
def on_gpu(toy_folder: Path) -> OnnxSession:
    opened = open_session(toy_folder, Device.CUDA, intra_op_threads=1)
    assert isinstance(opened, OnnxSession)
    return opened


def test_the_session_is_what_it_says(on_gpu: OnnxSession) -> None:
    assert (on_gpu.device, on_gpu.device_id) == (Device.CUDA, 0)
    assert on_gpu.providers == (CUDA, CPU) == tuple(on_gpu._session.get_providers())


def test_auto_takes_the_gpu(toy_folder: Path) -> None:
    assert open_session(toy_folder, Device.AUTO, intra_op_threads=1).device is Device.CUDA


def test_the_toy_answers_as_worked_out_by_hand_in_batches_of_changing_size(
    on_gpu: OnnxSession,
) -> None:
    for size in (4, 1, 2, 4, 2, 1):
        np.testing.assert_allclose(on_gpu.run(BATCH[:size]), EXPECTED[:size], rtol=1e-5)
    assert list(on_gpu._by_batch_size) == [4, 1, 2]


def test_the_monitor_reads_the_gpu_in_use(on_gpu: OnnxSession) -> None:
    assert on_gpu.device_id is not None
    monitor = GpuMonitor(on_gpu.device_id)
    utilization, memory = monitor.utilization(), monitor.memory()
    assert utilization is None or 0 <= utilization <= 1
    assert memory is not None
    assert 0 < memory.used <= memory.total
