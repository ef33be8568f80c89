"""How many processes a machine gets, and how many threads and images each one has."""

from batch.classification.model import Arrangement
from settings import Settings

CPU_BATCH = 4
"""Images in one ``session.run`` of one thread. It is fixed, not measured, since the last digit of
an answer depends on it. For most networks a larger batch is not faster (docs/batch.md)."""

GPU_BATCH = 32


def plan(settings: Settings, cpus: int, gpus: int) -> tuple[Arrangement, ...]:
    """Divide a machine among processes, all with the same batch size.

    On the CPU, each processor gets a process with one thread. Each GPU gets a process with a share
    of the processors for decoding. Settings that are given count first.
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
