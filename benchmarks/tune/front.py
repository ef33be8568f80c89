"""Measurements of each candidate: which candidates are dominated, and which one is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean, median

from benchmarks.tune.candidates import Values
from load_generator.wrk import Load

JUDGED_CLIENTS = 16  # at which the 99th percentile is judged
NOISE = 0.03  # less than this share of a gain is none


@dataclass(frozen=True)
class Pair:
    """A window of the defaults and, just after it, one of a candidate, with as many clients."""

    clients: int
    default: Load
    candidate: Load

    @property
    def speed(self) -> float:
        """The candidate's images per second ÷ the defaults'."""
        return self.candidate.per_second / self.default.per_second

    @property
    def slowness(self) -> float:
        """The candidate's p99 ÷ the defaults'."""
        return self.candidate.p99_ms / self.default.p99_ms


@dataclass(frozen=True)
class Measured:
    """Settings and their figures, as if all were measured at the same moment."""

    values: Values
    images_per_second: float  # under load
    p99_ms: float  # with :data:`JUDGED_CLIENTS`
    alone_ms: float  # median latency of a single client
    failures: int  # requests without a good answer

    def dominates(self, other: "Measured") -> bool:
        """Whether it is better in throughput or p99 and worse in neither."""
        mine = (self.images_per_second, -self.p99_ms)
        others = (other.images_per_second, -other.p99_ms)
        return mine != others and all(a >= b for a, b in zip(mine, others, strict=True))


@dataclass(frozen=True)
class Choice:
    """What was chosen."""

    best: Measured  # of all that were measured
    meets: bool  # whether its p99 is within the target
    worth_it: bool  # whether the defaults should be left for it


def reference(pairs: Sequence[Pair]) -> Measured:
    """The defaults, in the median of all their windows."""
    loads = {clients: [p.default for p in pairs if p.clients == clients] for clients in _all(pairs)}
    under_load = [
        median(each.per_second for each in loads[c]) for c in loads if c >= JUDGED_CLIENTS
    ]
    return Measured(
        values={},
        images_per_second=geometric_mean(under_load),
        p99_ms=median(each.p99_ms for each in loads[JUDGED_CLIENTS]),
        alone_ms=median(each.p50_ms for each in loads[min(loads)]),
        failures=sum(each.default.failures for each in pairs),
    )


def relative(values: Values, pairs: Sequence[Pair], default: Measured) -> Measured:
    """A candidate: its ratios to the defaults beside it, times the defaults' figures."""
    loaded = [p.speed for p in pairs if p.clients >= JUDGED_CLIENTS]
    judged = [p.slowness for p in pairs if p.clients == JUDGED_CLIENTS]
    fewest = min(_all(pairs))
    alone = [p.candidate.p50_ms / p.default.p50_ms for p in pairs if p.clients == fewest]
    return Measured(
        values=values,
        images_per_second=default.images_per_second * median(loaded),
        p99_ms=default.p99_ms * median(judged),
        alone_ms=default.alone_ms * median(alone),
        failures=sum(each.candidate.failures for each in pairs),
    )


def front(measured: Sequence[Measured]) -> list[Measured]:
    """Those that no other dominates, by ascending p99."""
    best = [each for each in measured if not any(other.dominates(each) for other in measured)]
    return sorted(best, key=lambda each: each.p99_ms)


def choose(default: Measured, candidates: Sequence[Measured], p99_ms: float) -> Choice:
    """The highest throughput whose p99 meets the target, else the lowest p99.

    Candidates that failed a request are not considered. The defaults are left only for a gain
    of at least :data:`NOISE`, or where they alone miss the target.
    """
    sound = [default, *(each for each in candidates if not each.failures)]
    meeting = [each for each in sound if each.p99_ms <= p99_ms]
    if meeting:
        best = max(meeting, key=lambda each: each.images_per_second)
        gain = best.images_per_second / default.images_per_second - 1
    else:
        best = min(sound, key=lambda each: each.p99_ms)
        gain = default.p99_ms / best.p99_ms - 1
    missed_only_by_default = bool(meeting) and default.p99_ms > p99_ms
    worth_it = best is not default and (gain >= NOISE or missed_only_by_default)
    return Choice(best, bool(meeting), worth_it)


def confirms(values: Values, pairs: Sequence[Pair], p99_ms: float) -> bool:
    """Whether settings are worth it in these windows alone, which did not choose them."""
    default = reference(pairs)
    return choose(default, [relative(values, pairs, default)], p99_ms).worth_it


def _all(pairs: Sequence[Pair]) -> list[int]:
    return sorted({each.clients for each in pairs})
