from typing import Any

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client import Histogram as OneByOne

from inference.batching.deferred import MOST, Histogram, Level, Observations


def test_observations_are_told_when_they_are_written_together_and_once() -> None:
    told: list[list[float]] = []
    tell = told.append
    observations = Observations()
    observations.add(tell, 2)
    observations.add(tell, 1)
    assert told == []
    observations.write()
    observations.write()
    assert told == [[2, 1]]


def test_each_metric_is_told_its_own_values() -> None:
    times: list[list[float]] = []
    sizes: list[list[float]] = []
    tell_time, tell_size = times.append, sizes.append
    observations = Observations()
    observations.add(tell_time, 0.5)
    observations.add(tell_size, 3)
    observations.add(tell_time, 0.25)
    observations.write()
    assert (times, sizes) == ([[0.5, 0.25]], [[3]])


def test_no_more_wait_than_are_written_in_a_moment() -> None:
    told: list[float] = []
    tell = told.extend
    observations = Observations()
    for number in range(MOST + 1):
        observations.add(tell, number)
    assert told == list(range(MOST))


def test_what_is_observed_while_others_are_told_is_told_the_next_time() -> None:
    told: list[list[float]] = []
    observations = Observations()

    def tell(values: list[float]) -> None:
        told.append(values)
        if len(told) == 1:
            observations.add(tell, 3)

    for number in (1, 2):
        observations.add(tell, number)
    observations.write()
    assert told == [[1, 2]]
    observations.write()
    assert told == [[1, 2], [3]]


def test_a_histogram_takes_many_values_as_it_takes_each() -> None:
    def histogram(kind: type[OneByOne]) -> tuple[CollectorRegistry, Any]:
        registry = CollectorRegistry()
        made = kind("seconds", "", ("stage",), registry=registry, buckets=(0.25, 0.5, 1.0))
        return registry, made.labels("decode")

    values = (0.25, 0.375, 0.5, 0.125, 7.0, 0.375, 0.75)
    (first, together), (second, one_by_one) = histogram(Histogram), histogram(OneByOne)
    together.observe_all(values)
    for value in values:
        one_by_one.observe(value)

    def samples(registry: CollectorRegistry) -> list[tuple[str, dict[str, str], float]]:
        found = [sample for metric in registry.collect() for sample in metric.samples]
        return [(e.name, e.labels, e.value) for e in found if not e.name.endswith("_created")]

    assert samples(first) == samples(second)
    assert ("seconds_bucket", {"stage": "decode", "le": "0.5"}, 5.0) in samples(first)


def test_a_level_is_seen_as_it_was_when_it_was_written() -> None:
    registry = CollectorRegistry()
    level = Level(Gauge("level", "", registry=registry))
    level.now = 3
    assert registry.get_sample_value("level") == 0
    level.write()
    level.now = 1
    assert registry.get_sample_value("level") == 3
