import pytest

from load_generator.latency import Latency, percentile


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.001, 1), (0.5, 500), (0.501, 501), (0.99, 990), (0.999, 999), (1, 1000)],
)
def test_percentiles_are_by_nearest_rank(share: float, expected: int) -> None:
    assert percentile(range(1, 1001), share) == expected


def test_percentiles_of_one() -> None:
    assert percentile([3.0], 0.5) == percentile([3.0], 0.999) == 3.0


def test_latency_of_a_few() -> None:
    found = Latency.of([0.5, 0.125, 0.25, 0.375, 1.25])
    assert found == Latency(5, 0.5, 0.375, 1.25, 1.25, 1.25, 1.25)
    assert found.text() == "p50 375.0 ms, p99 1250.0 ms, max 1250.0 ms"
