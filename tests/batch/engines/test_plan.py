from batch.classification.model import Arrangement
from batch.engines.plan import CPU_BATCH, GPU_BATCH, plan
from settings import Settings


def test_on_the_cpu_each_processor_has_a_process_with_one_thread() -> None:
    assert plan(Settings(), cpus=3, gpus=0) == (Arrangement(1, 0, CPU_BATCH),) * 3


def test_each_gpu_has_a_process_with_its_share_of_the_decoders() -> None:
    expected = tuple(Arrangement(4, 4, GPU_BATCH, device_id=gpu) for gpu in (0, 1, 2, 3))
    assert plan(Settings(), cpus=16, gpus=4) == expected


def test_a_gpu_with_few_processors_has_one_decoder() -> None:
    assert plan(Settings(), cpus=1, gpus=2) == (
        Arrangement(1, 1, GPU_BATCH, device_id=0),
        Arrangement(1, 1, GPU_BATCH, device_id=1),
    )


def test_settings_win() -> None:
    settings = Settings(workers=2, intra_op_threads=3, decode_threads=5, max_batch_size=7)
    assert plan(settings, cpus=16, gpus=1) == (Arrangement(3, 5, 7, device_id=0),) * 2
