import pytest

from benchmarks.report.figures import Figure, ModelFigures, figure
from tests.benchmarks.report.samples import OURS, results, window

TOY = ModelFigures(results(), "toy")


def test_of_a_window() -> None:
    each = window("ours", 1, **OURS)
    assert each.images_per_second == 100
    assert each.cpu_ms == 2.5
    assert each.speed == 0.8
    assert each.cost == 1.25


def test_nothing_answered_costs_infinitely_much() -> None:
    assert window("ours", 1, **{**OURS, "requests": 0}).cpu_ms == float("inf")


def test_medians_and_spreads() -> None:
    assert figure([3.0, 1.0, 2.0]) == Figure(2.0, 1.0, 3.0)
    assert figure([4.0, 1.0]) == Figure(2.5, 1.0, 4.0)
    assert figure([]) is None


def test_of_a_stack_over_the_rounds() -> None:
    assert TOY.clients == [16]
    assert TOY.figure("ours", 16, lambda w: w.images_per_second) == Figure(100, 80, 120)
    assert TOY.figure("ours", 16, lambda w: w.p99_ms) == Figure(20, 10, 30)
    assert TOY.figure("ours", 64, lambda w: w.p99_ms) is None
    assert TOY.limit(lambda w: w.limit.cpu_ms) == Figure(2, 2, 2)


def test_failures_count_all_rounds() -> None:
    assert TOY.failures("ours") == (3, 603)
    assert TOY.failures("ours", [64]) == (0, 0)
    assert TOY.failures("peer", [16]) == (0, 300)


def test_memory_is_the_most_and_readiness_the_median() -> None:
    assert TOY.memory("ours") == (5 * 10**6, 4 * 10**6)
    assert TOY.memory("gone") is None
    assert TOY.ready("ours") == Figure(2, 1, 3)
    assert TOY.ready("gone") is None


def test_ratios_are_taken_within_each_round() -> None:
    speed = TOY.ratio("ours", "peer", 16, lambda w: w.speed)
    assert speed is not None
    assert (speed.median, speed.least, speed.greatest) == pytest.approx((2.0, 1.6, 2.4))
    assert TOY.ratio("ours", "peer", 16, lambda w: w.p99_ms) == Figure(0.25, 0.125, 0.375)
    assert TOY.ratio("ours", "gone", 16, lambda w: w.speed) is None
