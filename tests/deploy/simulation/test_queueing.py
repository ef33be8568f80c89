"""The queue against small cases worked out by hand, and long ones against queueing theory."""

import numpy as np
import pytest

from deploy.simulation.queueing import Outcome, Times, in_system, serve

FOREVER = float("inf")
NEVER = float("inf")


def one_worker(arrivals: list[float], longest: float = FOREVER, free: float = 0.0) -> Outcome:
    return serve(np.array([arrivals]), np.array([free]), 1.0, longest)


def test_images_leave_in_turn() -> None:
    outcome = one_worker([0.0, 0.5, 1.0, 5.0])
    assert outcome.departures.tolist() == [[1.0, 2.0, 3.0, 6.0]]
    assert outcome.taken.all()


def test_what_a_worker_has_comes_first() -> None:
    assert one_worker([0.0, 9.0], free=4.0).departures.tolist() == [[5.0, 10.0]]


def test_an_image_that_would_wait_too_long_is_refused_and_costs_nothing() -> None:
    outcome = one_worker([0.0, 0.0, 0.0, 0.0, 1.5], longest=1.0)
    assert outcome.taken.tolist() == [[True, True, False, False, True]]
    assert outcome.departures[outcome.taken].tolist() == [1.0, 2.0, 3.0]


def test_workers_do_not_share_and_padding_is_no_image() -> None:
    free = np.array([0.0, 2.0])
    outcome = serve(np.array([[0.0, 1.0], [1.0, NEVER]]), free, 1.0, FOREVER)
    assert outcome.departures[outcome.taken].tolist() == [1.0, 2.0, 3.0]
    assert outcome.taken.tolist() == [[True, True], [True, False]]
    assert free.tolist() == [2.0, 3.0]


def test_a_worker_without_images_stays_as_it_is() -> None:
    free = np.array([7.0])
    assert not serve(np.array([[NEVER]]), free, 1.0, FOREVER).taken.any()
    assert free.tolist() == [7.0]


def test_images_in_the_system_are_counted() -> None:
    arrivals = np.array([[1.0, 1.2, 8.0]])
    before = np.array([3.0])  # it has images until then: at 1.5 two, one of them half done
    outcome = serve(arrivals, before.copy(), 1.0, FOREVER)
    assert outcome.departures.tolist() == [[4.0, 5.0, 9.0]]
    counted = [in_system(now, arrivals, outcome, before, 1.0) for now in (0.5, 1.5, 3.5, 4.5, 6)]
    assert counted == [3, 4, 2, 1, 0]


def poisson(rate: float, images: int) -> Times:
    gaps = np.random.default_rng(0).exponential(1 / rate, size=(1, images))
    return np.asarray(gaps.cumsum(axis=1), np.float64)


@pytest.mark.parametrize("load", [0.3, 0.7, 0.9])
def test_the_mean_wait_is_that_of_an_m_d_1_queue(load: float) -> None:
    """Pollaczek and Khinchine: load · seconds ÷ (2 · (1 − load))."""
    arrivals = poisson(load, 2_000_000)
    outcome = serve(arrivals, np.zeros(1), 1.0, FOREVER)
    waits = outcome.departures - arrivals - 1.0
    assert waits.mean() == pytest.approx(load / (2 * (1 - load)), rel=0.03)


def test_littles_law_holds() -> None:
    """Images in the system = rate · seconds in it."""
    arrivals = poisson(0.8, 20_000)
    outcome = serve(arrivals, np.zeros(1), 1.0, FOREVER)
    end = arrivals[0, -1]
    times = np.linspace(0, end, 2000)
    counted = [in_system(now, arrivals, outcome, np.zeros(1), 1.0) for now in times]
    spent = (outcome.departures - arrivals).mean()
    assert np.mean(counted) == pytest.approx(20_000 / end * spent, rel=0.03)


def test_an_overloaded_worker_gives_what_it_can_and_refuses_the_rest() -> None:
    arrivals = poisson(2.0, 10_000)
    outcome = serve(arrivals, np.zeros(1), 1.0, longest=10.0)
    assert outcome.taken.mean() == pytest.approx(0.5, abs=0.01)
    waits = (outcome.departures - arrivals - 1.0)[outcome.taken]
    assert waits.min() == pytest.approx(0.0, abs=1e-9)
    assert waits.max() <= 10.0
