"""A day: what is sent is answered or refused, and pods come and go in time."""

import numpy as np
import pytest

from deploy.simulation.autoscaler import SYNC_SECONDS, Direction, Policy, Rule
from deploy.simulation.day import Replica, quantile, simulate
from deploy.simulation.manifests import Sampling
from deploy.simulation.traffic import DAY_SECONDS, arrivals, bursty_day

SAMPLING = Sampling(interval=5, window=30)
REPLICA = Replica(workers=2, images_per_second=20.0, start_seconds=30.0, pending=50, deadline=9.0)
RULE = Rule(
    threshold=2.0,
    minimum=1,
    maximum=20,
    up=Direction(0, [Policy("Pods", 2, 15)]),
    down=Direction(60, [Policy("Percent", 100, 15)]),
)
MINUTES = 20


def steady(rate: float) -> np.ndarray:
    return np.full(MINUTES * 60, rate)


def test_a_replicas_limits() -> None:
    assert REPLICA.seconds == 0.1
    assert REPLICA.longest == pytest.approx(3.0)  # a third of the deadline
    full = Replica(workers=1, images_per_second=1.0, start_seconds=0, pending=3, deadline=300)
    assert full.longest == 2.0  # one in hand and two that wait, beside the one that arrives


def test_a_light_load_needs_no_more_than_the_minimum() -> None:
    day = simulate(steady(2.0), RULE, SAMPLING, REPLICA)
    assert set(day.replicas) == {1}
    assert sum(day.sent) == pytest.approx(MINUTES * 60 * 2, rel=0.1)
    assert sum(day.refused) == 0
    assert np.sum(day.latencies) == sum(day.sent)
    assert day.replica_hours == MINUTES / 60


def test_a_heavy_load_gets_the_replicas_it_needs() -> None:
    day = simulate(steady(100.0), RULE, SAMPLING, REPLICA)
    assert day.replicas[0] == 1
    assert sum(day.refused[:8]) > 0  # before they were there
    assert sum(day.refused[-40:]) == 0
    assert 6 <= np.mean(day.replicas[-40:]) <= 15  # five are as many as are busy all the time
    assert np.sum(day.latencies) + sum(day.refused) == sum(day.sent)


def test_a_pod_serves_when_it_has_started() -> None:
    slow = Replica(workers=2, images_per_second=20.0, start_seconds=300.0, pending=50, deadline=9)
    day = simulate(steady(40.0), RULE, SAMPLING, slow)
    started = 300 // SYNC_SECONDS
    assert min(day.refused[2:started]) > 0
    assert sum(day.refused[started + 3 :]) == 0


def test_pods_are_taken_away_when_the_load_is_over() -> None:
    rates = np.concatenate([steady(60.0), steady(1.0)])
    day = simulate(rates, RULE, SAMPLING, REPLICA)
    assert max(day.replicas) > 3
    assert day.replicas[-1] == 1


def test_a_day_is_the_same_each_time() -> None:
    first, second = (simulate(steady(30.0), RULE, SAMPLING, REPLICA, seed=5) for _ in range(2))
    assert first.sent == second.sent
    assert first.replicas == second.replicas
    assert (bursty_day(3) == bursty_day(3)).all()
    assert (bursty_day(3) != bursty_day(4)).any()


def test_the_traffic_is_a_day_with_bursts() -> None:
    rates = bursty_day()
    assert rates.shape == (DAY_SECONDS,)
    assert rates.min() > 0
    assert rates.max() > 3 * np.median(rates)


def test_arrivals_have_the_rates_and_are_divided_among_the_workers() -> None:
    rates = np.array([100.0, 0.0, 300.0])
    times = arrivals(np.random.default_rng(0), rates, 50.0, 4)
    counts, _ = np.histogram(times[np.isfinite(times)], bins=[50, 51, 52, 53])
    assert counts[1] == 0
    assert counts[0] == pytest.approx(100, abs=40)
    assert counts[2] == pytest.approx(300, abs=70)
    assert np.isfinite(times).sum(axis=1) == pytest.approx(np.full(4, 100), abs=40)
    assert (times[:, 1:] >= times[:, :-1]).all()


def test_scrapes_go_on_across_steps() -> None:
    assert list(Sampling(5, 30).times(15, 30)) == [20, 25, 30]
    assert list(Sampling(20, 60).times(15, 30)) == [20]
    assert list(Sampling(20, 60).times(30, 45)) == [40]
    assert list(Sampling(30, 30).times(30, 45)) == []


def test_a_quantile_is_the_upper_edge_of_its_bin() -> None:
    counts = np.array([98, 0, 1, 1])
    assert quantile(counts, 0.5) == 0.001
    assert quantile(counts, 0.985) == 0.003
    assert quantile(counts, 1.0) == 0.004
