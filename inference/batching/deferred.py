"""Metrics that are written many at a time, when the code that writes them is in the caches.

prometheus_client writes each value into a file that all processes read, which takes 5 µs or more:
a histogram observed with every request costs as much as reading the request. So observations wait
in memory, and each bucket that they fall into is written once for all of them.
"""

import math
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import prometheus_client
from prometheus_client import Gauge

MOST = 1000
"""Observations that wait: to write so many takes a few milliseconds, in which a thread does
nothing else."""

Tell = Callable[[list[Any]], object]
"""Takes values of one metric, the oldest first."""


class Observations:
    """What is yet to be told to metrics, by any thread."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Tell, Any]] = deque()

    def add(self, tell: Tell, value: Any) -> None:
        """Have ``tell`` called with a value, among others: soon, or now if too many wait."""
        self._waiting.append((tell, value))
        if len(self._waiting) >= MOST:
            self.write()

    def write(self) -> None:
        """Tell what has been added."""
        values: dict[Tell, list[Any]] = {}
        for _ in range(len(self._waiting)):
            try:
                tell, value = self._waiting.popleft()
            except IndexError:  # another thread has been faster
                break
            values.setdefault(tell, []).append(value)
        for tell, told in values.items():
            tell(told)


class Histogram(prometheus_client.Histogram):
    """A histogram that takes many values at the cost of one."""

    def observe_all(self, values: Sequence[float]) -> None:
        """Count values, as ``observe`` counts each: in the first bucket that it does not exceed."""
        self._sum.inc(math.fsum(values))
        buckets = Counter(map(partial(bisect_left, self._upper_bounds), values))
        for bucket, count in buckets.items():
            self._buckets[bucket].inc(count)


class Level:
    """A gauge that is written now and then, as it is a sample anyway."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self.now = 0

    def write(self) -> None:
        """Bring the gauge up to date."""
        self._gauge.set(self.now)
