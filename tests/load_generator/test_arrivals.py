import math
import random
from itertools import pairwise
from statistics import fmean

import pytest

from load_generator.arrivals import poisson


def test_gaps_are_exponential_and_the_rate_is_the_one_asked_for() -> None:
    moments = poisson(rate=100, seconds=200)
    gaps = [b - a for a, b in pairwise([0.0, *moments])]
    assert min(gaps) > 0
    assert moments[-1] < 200
    assert len(moments) == pytest.approx(20_000, rel=0.02)  # ±1.4 % is two standard deviations
    assert fmean(gaps) == pytest.approx(0.01, rel=0.02)
    for multiple in (0.5, 1, 2, 3):
        share = fmean(gap > multiple * 0.01 for gap in gaps)
        assert share == pytest.approx(math.exp(-multiple), abs=0.01)


def test_a_seed_gives_the_same_moments() -> None:
    first = random.Random(7).expovariate(5)
    assert poisson(5, 10, seed=7)[0] == first
    assert poisson(5, 10, seed=7) == poisson(5, 10, seed=7)
    assert poisson(5, 10, seed=7) != poisson(5, 10, seed=8)
