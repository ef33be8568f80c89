"""How many processes a machine gets, and what each of them does."""

from batch.classification.model import Arrangement
from settings import Settings

CPU_BATCH = 4
"""Images in one ``session.run`` of one thread. Fixed, not measured, since the last digit of an
answer depends on it; for most networks a larger one gains nothing (docs/batch.md)."""

GPU_BATCH = 32


def plan(settings: Settings, cpus: int, gpus: int) -> tuple[Arrangement, ...]:
    """Divide a machine: what each process does; all have the same batch size.

    On the CPU: a process for each processor, with one thread, so that none waits for another.
    On GPUs: a process for each, fed by its share of the processors. What the settings name is kept.
    """
    processes = settings.workers or gpus or cpus
    share = max(1, cpus // processes)
    batch_size = settings.max_batch_size or (GPU_BATCH if gpus else CPU_BATCH)
    default_decoders = share if gpus else 0
    decoders = settings.decode_threads if settings.decode_threads is not None else default_decoders
    return tuple(
        Arrangement(
            session_threads=settings.intra_op_threads or share,
            decode_threads=decoders,
            batch_size=batch_size,
            device_id=number % gpus if gpus else None,
        )
        for number in range(processes)
    )
