"""Metrics that are written many at a time, when the code that writes them is in the caches.

Each is written for all processes to read, which takes ten times what noting it down takes: as
much, with every request, as all that is done to read the request.
"""

from collections import deque
from collections.abc import Callable

from prometheus_client import Gauge

MOST = 250
"""Observations that wait: to write so many takes some milliseconds, in which a thread does
nothing else."""


class Observations:
    """What is yet to be told to histograms, by any thread."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[float], None], float]] = deque()

    def add(self, observe: Callable[[float], None], value: float) -> None:
        """Have ``observe`` called with a value: soon, or now if too many wait."""
        self._waiting.append((observe, value))
        if len(self._waiting) >= MOST:
            self.write()

    def write(self) -> None:
        """Call what has been added."""
        for _ in range(len(self._waiting)):
            try:
                observe, value = self._waiting.popleft()
            except IndexError:  # another thread has been faster
                return
            observe(value)


class Level:
    """A gauge that is written now and then, as it is a sample anyway.

    Attributes:
        now: what it is.

    Args:
        gauge: where it is written.
    """

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self.now = 0

    def write(self) -> None:
        """Bring the gauge up to date."""
        self._gauge.set(self.now)
