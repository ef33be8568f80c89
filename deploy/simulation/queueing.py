"""Workers as first-in, first-out queues: a constant time for each image, a longest wait.

The times are exact. With a constant time S for each image, the n-th of the arrivals A leaves at
D_n = S·(n+1) + max(free, max over k ≤ n of A_k − k·S), where ``free`` is the moment at which the
worker has finished earlier images (Lindley's recursion, unrolled).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """Results for arrivals; both arrays are ``[workers, images]``."""

    departures: Times  # seconds; meaningless where an image was not taken
    taken: Flags  # False where the image was refused, or is padding


def serve(arrivals: Times, free: Times, seconds: float, longest: float) -> Outcome:
    """Run each worker's queue.

    Args:
        arrivals: seconds, ``[workers, images]``, ascending; rows are padded with infinity.
        free: seconds, ``[workers]``: when each queue is empty; updated in place.
        seconds: for one image.
        longest: seconds; an arrival that would wait longer is refused and costs nothing.
    """
    steps = np.arange(arrivals.shape[1]) * seconds
    begun = np.maximum(np.maximum.accumulate(arrivals - steps, axis=1), free[:, None]) + steps
    taken = np.isfinite(arrivals)
    too_long = (taken & (begun > arrivals + longest)).any(axis=1)
    departures = begun + seconds
    if too_long.any():
        departures[too_long], taken[too_long] = _serve_bounded(
            arrivals[too_long], free[too_long], seconds, longest
        )
    last = np.where(taken, departures, -np.inf).max(axis=1, initial=-np.inf)
    np.maximum(free, last, out=free)
    return Outcome(departures, taken)


def in_system(now: float, arrivals: Times, outcome: Outcome, before: Times, seconds: float) -> int:
    """Images that are accepted and not yet answered at one moment.

    ``arrivals`` and ``seconds`` are as given to ``serve``, ``outcome`` is what it returned, and
    ``before`` is ``free`` before these arrivals.
    """
    here = (arrivals <= now) & (outcome.departures > now) & outcome.taken
    earlier = np.ceil(np.maximum(before - now, 0.0) / seconds)
    return int(here.sum() + earlier.sum())


def _serve_bounded(
    arrivals: Times, free: Times, seconds: float, longest: float
) -> tuple[Times, Flags]:
    """Image by image, since every refusal shortens the wait of later images."""
    departures = np.empty_like(arrivals)
    taken = np.zeros(arrivals.shape, np.bool_)
    done = free.copy()
    for index, arrival in enumerate(arrivals.T):
        begun = np.maximum(arrival, done)
        taken[:, index] = np.isfinite(arrival) & (begun <= arrival + longest)
        done = np.where(taken[:, index], begun + seconds, done)
        departures[:, index] = done
    return departures, taken
