"""What `/metrics` means between two looks, worked out by hand."""

from deployment_check.load.metrics import Look, Metrics, mean, never_falls, rate, ratio

BATCHES, IMAGES = "batch_size_count", "batch_size_sum"


def look(when: float, batches: float, images: float, **cpu: float) -> Look:
    lines = [f"{BATCHES} {batches}", f"{IMAGES} {images}"]
    lines += [f'cpu_total{{worker="{name[1:]}"}} {value}' for name, value in cpu.items()]
    return Look(when, Metrics("\n".join(lines) + "\n"))


LOOKS = [
    look(0, 10, 10, w1=1.0, w2=5.0),
    look(1, 14, 22, w1=1.5, w2=5.0),
    look(2, 14, 22, w1=1.5, w2=7.0),
    look(4, 20, 46, w1=3.5, w2=9.0),
]


def test_totals_and_labels() -> None:
    metrics = LOOKS[0].metrics
    assert metrics.total(BATCHES) == 10
    assert metrics.total("cpu_total") == 6.0
    assert metrics.total("cpu_total", worker="2") == 5.0
    assert metrics.total("cpu_total", worker="3") == 0
    assert metrics.by("cpu_total", "worker") == {"1": 1.0, "2": 5.0}
    assert metrics.by("cpu_total", "gpu") == {}


def test_a_ratio_stands_where_the_lower_counter_grew() -> None:
    assert ratio(LOOKS, IMAGES, BATCHES) == [(1, 3.0), (4, 4.0)]


def test_a_rate_is_per_second() -> None:
    assert rate(LOOKS, "cpu_total", worker="1") == [(1, 0.5), (2, 0.0), (4, 1.0)]
    assert rate(LOOKS, "cpu_total") == [(1, 0.5), (2, 2.0), (4, 2.0)]


def test_a_rate_over_a_window_reaches_back_at_least_so_far() -> None:
    assert rate(LOOKS, "cpu_total", 2.0, worker="1") == [(2, 0.25), (4, 1.0)]


def test_the_mean_of_a_histogram_between_two_looks() -> None:
    assert mean(LOOKS[0], LOOKS[3], "batch_size") == 3.6
    assert mean(LOOKS[1], LOOKS[2], "batch_size") is None


def test_a_counter_that_falls_is_of_several_replicas() -> None:
    assert never_falls(LOOKS, BATCHES)
    assert not never_falls([*LOOKS, look(5, 3, 3)], BATCHES)
