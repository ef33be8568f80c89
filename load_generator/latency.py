"""Latencies in one line: mean, percentiles, maximum."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Self


@dataclass(frozen=True)
class Latency:
    """Of some requests, in seconds."""

    count: int  # how many
    mean: float
    p50: float  # as `percentile`; the others likewise
    p90: float
    p99: float
    p999: float
    max: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self:
        """Of at least one request."""
        ordered = sorted(seconds)
        shares = (0.5, 0.9, 0.99, 0.999, 1.0)
        return cls(len(ordered), fmean(ordered), *(percentile(ordered, each) for each in shares))

    def text(self) -> str:
        """For people."""
        p50, p99, most = (f"{1000 * each:.1f}" for each in (self.p50, self.p99, self.max))
        return f"p50 {p50} ms, p99 {p99} ms, max {most} ms"


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least a share of the values do not exceed (nearest rank).

    The values are ascending and at least one; the share is above 0 and at most 1.
    """
    # Rounded: 0.999 · 1000 is 999.0000000000001 on some machines.
    return ordered[math.ceil(round(share * len(ordered), 9)) - 1]
