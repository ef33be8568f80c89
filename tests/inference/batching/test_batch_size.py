import time

import numpy as np
import numpy.typing as npt
import pytest

from inference.batching.batch_size import Run, Sizes, clock_for, seconds_of, worthwhile_sizes

SHAPE = (2, 2, 3)


class Machine:
    """Has runs that take so many seconds each, and so many more for each image; and a clock."""

    def __init__(self) -> None:
        self._now = 0.0

    def clock(self) -> float:
        return self._now

    def __call__(self, fixed: float, per_image: float) -> Run:
        def run(batch: npt.NDArray[np.uint8]) -> None:
            assert batch.shape[1:] == SHAPE
            self._now += fixed + per_image * len(batch)

        return run


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.mark.parametrize(
    ("fixed", "per_image", "prepare", "expected"),
    [
        (0.0, 1.0, 0.0, 1),  # a run costs what its images cost
        (0.02, 1.0, 0.5, 1),  # 1.520 → 1.505: 1 % is no difference
        (0.03, 1.0, 0.0, 2),  # 1.03 → 1.015 → 1.0075: less than 1 %
        (1.0, 1.0, 0.0, 4),  # 1.25 → 1.125: exactly 10 % less is not more
        (2.0, 1.0, 0.0, 8),  # 1.5 → 1.25 → 1.125
        (100.0, 1.0, 0.0, 64),  # 26 → 13.5 → 7.25 → 4.125 → 2.5625
        (5.0, 1.0, 0.0, 32),  # 2.25 → 1.625 → 1.3125 → 1.15625 → 1.078125: 7 % less
        (1.0, 0.0, 100.0, 1),  # what a run costs is nothing beside decoding
    ],
)
def test_a_batch_grows_while_that_pays(
    machine: Machine,
    fixed: float,
    per_image: float,
    prepare: float,
    expected: int,
) -> None:
    assert (
        worthwhile_sizes(machine(fixed, per_image), SHAPE, prepare, machine.clock).batch == expected
    )


@pytest.mark.parametrize(
    ("per_image", "expected"),
    [(0.001, 8), (0.0049, 8), (0.0051, 7), (0.012, 3), (0.018, 2), (0.034, 2), (0.036, 1)],
)
def test_images_are_taken_together_while_they_are_cheap(
    machine: Machine, per_image: float, expected: int
) -> None:
    assert worthwhile_sizes(machine(0.0, per_image), SHAPE, 0.0, machine.clock) == Sizes(
        1, expected
    )


def test_a_group_is_never_smaller_than_a_batch(machine: Machine) -> None:
    assert worthwhile_sizes(machine(100.0, 1.0), SHAPE, 0.0, machine.clock) == Sizes(64, 64)


@pytest.mark.parametrize(
    ("seconds", "counts"),
    [
        ([0.009, 0.002, 0.003, 0.001], 0.002),  # of three
        ([0.04, 0.03, 0.02], 0.03),  # after 0.05 s it is enough
        ([9.0, 2.0], 9.0),
    ],
)
def test_the_fastest_of_a_few_times_counts(
    machine: Machine, seconds: list[float], counts: float
) -> None:
    runs = iter([machine(each, 0.0) for each in seconds])
    taken = seconds_of(lambda: next(runs)(np.zeros((1, *SHAPE), np.uint8)), machine.clock)
    assert taken == pytest.approx(counts)


def test_a_first_run_that_prepares_for_the_others_is_not_timed(
    machine: Machine,
) -> None:
    prepare, run, seen = machine(0.1, 0.0), machine(0.0, 0.02), set[int]()

    def preparing(batch: npt.NDArray[np.uint8]) -> None:
        if len(batch) not in seen:
            seen.add(len(batch))
            prepare(batch)
        run(batch)

    assert worthwhile_sizes(preparing, SHAPE, 0.0, machine.clock, first_is_dearer=True) == Sizes(
        1, 2
    )


def test_other_programs_are_not_counted_while_one_thread_computes() -> None:
    assert seconds_of(lambda: time.sleep(0.1), clock_for(1)) < 0.1
    assert seconds_of(lambda: time.sleep(0.1), clock_for(2)) >= 0.1
