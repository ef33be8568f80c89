from prometheus_client import CollectorRegistry, Gauge

from inference.deferred import MOST, Level, Observations


def test_observations_are_told_when_they_are_written_in_order_and_once() -> None:
    told: list[float] = []
    observations = Observations()
    observations.add(told.append, 2)
    observations.add(told.append, 1)
    assert told == []
    observations.write()
    observations.write()
    assert told == [2, 1]


def test_no_more_wait_than_are_written_in_a_moment() -> None:
    told: list[float] = []
    observations = Observations()
    for number in range(MOST + 1):
        observations.add(told.append, number)
    assert told == list(range(MOST))


def test_an_observation_taken_by_another_thread_is_not_told_twice() -> None:
    told: list[float] = []
    observations = Observations()

    def meanwhile(value: float) -> None:
        told.append(value)
        observations.write()

    for number in (1, 2, 3):
        observations.add(meanwhile, number)
    observations.write()
    assert told == [1, 2, 3]


def test_a_level_is_seen_as_it_was_when_it_was_written() -> None:
    registry = CollectorRegistry()
    level = Level(Gauge("level", "", registry=registry))
    level.now = 3
    assert registry.get_sample_value("level") == 0
    level.write()
    level.now = 1
    assert registry.get_sample_value("level") == 3
