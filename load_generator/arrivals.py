"""Arrival times of independent requests."""

import random

SEED = 1  # two runs at the same rate send at the same moments


def poisson(rate: float, seconds: float, seed: int = SEED) -> list[float]:
    """Moments of a Poisson process before ``seconds``, in seconds from its start, ascending.

    The gaps between them are exponentially distributed with mean ``1 / rate``.
    """
    gaps = random.Random(seed)
    moments: list[float] = []
    moment = gaps.expovariate(rate)
    while moment < seconds:
        moments.append(moment)
        moment += gaps.expovariate(rate)
    return moments
