import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from inference.batch_size import Run, seconds_of, worthwhile_batch_size

SHAPE = (2, 2, 3)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], Run]:
    """Runs that take so many seconds each, and so many more for each image."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def taking(fixed: float, per_image: float) -> Run:
        def run(batch: npt.NDArray[np.uint8]) -> None:
            assert batch.shape[1:] == SHAPE
            now[0] += fixed + per_image * len(batch)

        return run

    return taking


@pytest.mark.parametrize(
    ("fixed", "per_image", "prepare", "expected"),
    [
        (0.0, 1.0, 0.0, 4),  # a run costs what its images cost
        (2.0, 1.0, 0.0, 8),  # 1.5 → 1.25 → 1.125: exactly 10 % less is not more
        (100.0, 1.0, 0.0, 64),  # 26 → 13.5 → 7.25 → 4.125 → 2.5625
        (5.0, 1.0, 0.0, 32),  # 2.25 → 1.625 → 1.3125 → 1.15625 → 1.078125: 7 % less
        (1.0, 0.0, 100.0, 4),  # what a run costs is nothing beside decoding
    ],
)
def test_a_batch_grows_while_that_pays(
    machine: Callable[[float, float], Run],
    fixed: float,
    per_image: float,
    prepare: float,
    expected: int,
) -> None:
    assert worthwhile_batch_size(machine(fixed, per_image), SHAPE, prepare) == expected


def test_the_fastest_time_counts(machine: Callable[[float, float], Run]) -> None:
    runs = iter([machine(9.0, 0.0), machine(2.0, 0.0)])
    assert seconds_of(lambda: next(runs)(np.zeros((1, *SHAPE), np.uint8))) == 2.0
