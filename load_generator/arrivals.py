"""When requests arrive that know nothing of each other."""

import random

SEED = 1
"""So that two runs at one rate send at the same moments."""


def poisson(rate: float, seconds: float, seed: int = SEED) -> list[float]:
    """Moments of a Poisson process, in seconds from its start, ascending.

    The gaps between them are exponentially distributed with mean ``1 / rate``.

    Args:
        rate: arrivals a second, on average.
        seconds: after which none arrives.
        seed: of the random numbers.
    """
    gaps = random.Random(seed)
    moments: list[float] = []
    moment = gaps.expovariate(rate)
    while moment < seconds:
        moments.append(moment)
        moment += gaps.expovariate(rate)
    return moments
