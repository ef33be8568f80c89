"""Numbers of workers, threads and images in a batch, if the settings leave them open."""

import contextlib
import json
import os
from collections.abc import Callable

from inference import RunnerOptions
from inference.batching.batch_size import Sizes
from inference.hardware.cpus import usable_cpus
from inference.hardware.gpu import count_gpus, least_memory
from serving.workers.table import shared_folder
from settings import Device, Settings

# Python runs one thread at a time, so several processes decode for one GPU. More than four gain
# nothing and cost GPU memory.
_GPU_WORKERS = 4

_GPU_WORKER_BYTES = 4 * 2**30
"""GPU memory of a worker: ResNet-50 took 4.0 GiB, EfficientNet-Lite0 3.1 (docs/gpu.md)."""

_GPU_BATCH = 32


def wants_gpu(settings: Settings) -> bool:
    """Whether the workers will try a GPU."""
    if settings.device is Device.AUTO:
        return count_gpus() > 0
    return not settings.device.on_cpu


def workers(settings: Settings) -> int:
    """Processes that serve: on the CPU one per usable processor, else a few on the GPU."""
    cpus = usable_cpus()
    return settings.workers or (min(cpus, _gpu_workers()) if wants_gpu(settings) else cpus)


def _gpu_workers() -> int:
    """As many as a GPU has memory for, at least one."""
    memory = least_memory()
    if memory is None:
        return _GPU_WORKERS
    return max(1, min(_GPU_WORKERS, memory // _GPU_WORKER_BYTES))


def intra_op_threads(settings: Settings) -> int:
    """Threads of one session: the usable processors, divided among the workers."""
    return settings.intra_op_threads or max(1, usable_cpus() // workers(settings))


def agreed_sizes(measure: Callable[[], Sizes]) -> Sizes:
    """The sizes that the first worker of this service measured.

    Workers of one service should batch alike, and one that is started later should not measure
    beside the load of the others.
    """
    folder = shared_folder()
    if folder is None:
        return measure()
    agreed, own = folder / "sizes.json", folder / f"sizes.{os.getpid()}.json"
    if not agreed.exists():
        own.write_text(json.dumps(measure()))
        with contextlib.suppress(FileExistsError):  # another was faster
            os.link(own, agreed)
        own.unlink()
    return Sizes(*json.loads(agreed.read_text()))


def gpu_batch_size(settings: Settings) -> int:
    """Images in one batch on a GPU, at most."""
    return settings.max_batch_size or _GPU_BATCH


def runner_options(
    settings: Settings, device: Device, cpu_sizes: Callable[[], Sizes]
) -> RunnerOptions:
    """The options of a worker's runner.

    ``cpu_sizes`` measures the best sizes on the CPU; it is not called if a size is set.
    """
    on_cpu = device.on_cpu
    decode_threads = settings.decode_threads
    if decode_threads is None:
        decode_threads = 0 if on_cpu else max(1, usable_cpus() // workers(settings))
    if settings.max_batch_size:
        # The group is not larger than the batch: with batches of one no image waits for others.
        sizes = Sizes(settings.max_batch_size, settings.max_batch_size)
    else:
        batch = gpu_batch_size(settings)
        sizes = agreed_sizes(cpu_sizes) if on_cpu else Sizes(batch, batch)
    return RunnerOptions(
        max_batch_size=sizes.batch,
        max_group_size=sizes.group,
        max_batch_delay=settings.max_batch_delay_ms / 1000,
        max_pending_images=settings.max_pending_images,
        decode_threads=decode_threads,
    )
