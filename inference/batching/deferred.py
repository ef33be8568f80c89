"""Metrics that are written many at a time, when the code that writes them is in the caches.

prometheus_client writes each value into a file that all processes read. That takes 5 µs or more:
to observe a histogram with every request costs as much as to read the request. So observations
wait in memory, and each bucket that they fall into is written once for all of them.
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
"""Observations that wait at most. To write this many keeps a thread busy for a few milliseconds."""

Record = Callable[[list[Any]], object]
"""Records values of one metric, the oldest first."""


class Observations:
    """Values that are not recorded yet. Any thread may add some, and write them."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Record, Any]] = deque()

    def add(self, record: Record, value: Any) -> None:
        """Keep a value for ``record`` until the next write. Write now if ``MOST`` values wait."""
        self._waiting.append((record, value))
        if len(self._waiting) >= MOST:
            self.write()

    def write(self) -> None:
        """Record all values that were added."""
        waiting: dict[Record, list[Any]] = {}
        for _ in range(len(self._waiting)):
            try:
                record, value = self._waiting.popleft()
            except IndexError:  # another thread has been faster
                break
            waiting.setdefault(record, []).append(value)
        for record, values in waiting.items():
            record(values)


class Histogram(prometheus_client.Histogram):
    """A histogram that takes many values at the cost of one."""

    def observe_all(self, values: Sequence[float]) -> None:
        """Count values, as ``observe`` counts each: in the first bucket that it does not exceed."""
        self._sum.inc(math.fsum(values))
        buckets = Counter(map(partial(bisect_left, self._upper_bounds), values))
        for bucket, count in buckets.items():
            self._buckets[bucket].inc(count)


class Level:
    """A gauge that is written now and then: a scrape sees one sample of it anyway."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self.now = 0

    def write(self) -> None:
        """Bring the gauge up to date."""
        self._gauge.set(self.now)
