"""The largest batch that is worth its wait, measured on the model and the processor at hand."""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

SMALLEST = 4
"""Never less: what a batch saves beside inference, the hand-overs between threads, is worth it
(6 % of the CPU time of an image of EfficientNet-Lite0, and nothing more for larger ones)."""

LARGEST = 64

GAIN = 0.1
"""A batch of twice the size must make an image so much cheaper, since all wait for all."""

_TIMES = 2

Run = Callable[[npt.NDArray[np.uint8]], object]


def worthwhile_batch_size(
    run: Run, pixels_shape: tuple[int, int, int], prepare_seconds: float
) -> int:
    """Double the batch while that makes images cheaper.

    Args:
        run: inference of a batch, uint8 ``[N, H, W, 3]``.
        pixels_shape: of one image.
        prepare_seconds: that decoding and resizing an image take, whatever the batch.

    Returns:
        ``SMALLEST`` for most networks, whose cost is that of their images; up to ``LARGEST``
        where a run has a cost of its own.
    """

    def cost(size: int) -> float:
        batch = np.zeros((size, *pixels_shape), np.uint8)
        return prepare_seconds + seconds_of(lambda: run(batch)) / size

    size, seconds = SMALLEST, cost(SMALLEST)
    while size < LARGEST and (larger := cost(2 * size)) < (1 - GAIN) * seconds:
        size, seconds = 2 * size, larger
    return size


def seconds_of(action: Callable[[], object]) -> float:
    """The fastest of some times: the first makes memory grow, and others share the machine."""
    seconds = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
