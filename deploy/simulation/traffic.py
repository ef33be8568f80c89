"""A day of traffic: a daily wave, noise, and sudden bursts."""

import numpy as np
import numpy.typing as npt

DAY_SECONDS = 86_400

_MEAN = 100.0  # images a second
_WAVE = 0.6  # of the mean, up by day and down by night
_NOISE = 0.15  # standard deviation of the logarithm, from minute to minute
_BURSTS = 24
_FACTORS = (1.5, 4.0)  # by which a burst multiplies
_RISE_SECONDS = (5.0, 120.0)
_LENGTH_SECONDS = (60.0, 900.0)


def bursty_day(seed: int = 0) -> npt.NDArray[np.float64]:
    """Images per second that clients send, for each second of a day."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(DAY_SECONDS)
    wave = 1 - _WAVE * np.cos(2 * np.pi * seconds / DAY_SECONDS)
    minutes = np.exp(rng.normal(0.0, _NOISE, DAY_SECONDS // 60 + 1))
    noise = np.interp(seconds, np.arange(len(minutes)) * 60, minutes)
    return np.asarray(_MEAN * wave * noise * _bursts(rng, seconds), np.float64)


def _bursts(rng: np.random.Generator, seconds: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Factors: each burst rises linearly, stays, and falls as it rose."""
    factors = np.ones(len(seconds))
    for start in rng.uniform(0, len(seconds), _BURSTS):
        rise, length = rng.uniform(*_RISE_SECONDS), rng.uniform(*_LENGTH_SECONDS)
        corners = start + np.array([0.0, rise, rise + length, 2 * rise + length])
        height = rng.uniform(*_FACTORS) - 1
        factors += np.interp(seconds, corners, [0.0, height, height, 0.0])
    return factors


def arrivals(
    rng: np.random.Generator, rates: npt.NDArray[np.float64], start: float, workers: int
) -> npt.NDArray[np.float64]:
    """A Poisson process of changing rate, images a second for each second, each at a random worker.

    Returns seconds ``[workers, images]``, ascending; rows are padded with infinity.
    """
    expected = np.concatenate([[0.0], np.cumsum(rates / workers)])
    most = int(expected[-1] + 8 * np.sqrt(expected[-1]) + 16)  # eight standard deviations
    operational = rng.exponential(size=(workers, most)).cumsum(axis=1)
    times = start + np.interp(operational, expected, np.arange(len(expected)))
    return np.where(operational > expected[-1], np.inf, times)
