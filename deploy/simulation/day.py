"""One day in steps of 15 s, each with arrivals, queues, scrapes and the autoscaler's decision."""

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deploy.simulation.autoscaler import SYNC_SECONDS, Autoscaler, Rule
from deploy.simulation.manifests import Sampling
from deploy.simulation.queueing import Outcome, Times, in_system, serve
from deploy.simulation.traffic import arrivals
from inference.batching.runner import QUEUE_SHARE
from settings import Settings

_BIN_SECONDS = 0.001
_BINS = 20_000
STEPS_PER_POINT = 20  # steps that a point of ``Day.latencies`` stands for: five minutes


@dataclass(frozen=True)
class Replica:
    """One pod."""

    workers: int = 2
    images_per_second: float = 96.0  # of all of them together, at their best
    start_seconds: float = 30.0  # from the decision until it is ready
    pending: int = field(default_factory=lambda: Settings().max_pending_images)  # of a worker
    deadline: float = field(default_factory=lambda: Settings().deadline)  # seconds until a 504

    @property
    def seconds(self) -> float:
        """Seconds that a worker takes for one image."""
        return self.workers / self.images_per_second

    @property
    def longest(self) -> float:
        """Longest wait, in seconds, with which an image is accepted: OnnxRunner.check_room."""
        ahead = math.floor(QUEUE_SHARE * self.deadline / self.seconds)
        return min(self.pending - 1, ahead) * self.seconds


@dataclass
class Day:
    """The result of a day."""

    sent: list[int] = field(default_factory=list)  # images, for each step
    refused: list[int] = field(default_factory=list)  # images among them, for each step
    replicas: list[int] = field(default_factory=list)  # existing ones, ready or not, for each step
    # Images, for each five minutes and each millisecond of latency.
    latencies: list[npt.NDArray[np.int64]] = field(default_factory=list)

    @property
    def replica_hours(self) -> float:
        """Replicas × hours, ready or not."""
        return sum(self.replicas) * SYNC_SECONDS / 3600

    def answered_within(self, seconds: float) -> float:
        """Share of the images sent that were answered within some time."""
        bins = round(seconds / _BIN_SECONDS)
        return float(np.sum(self.latencies, axis=0)[:bins].sum()) / sum(self.sent)

    def quantile(self, share: float) -> float:
        """Seconds within which a share of the answered images was answered."""
        return quantile(np.sum(self.latencies, axis=0), share)

    def record(self, times: Times, outcome: Outcome) -> None:
        """Count one step's images."""
        if len(self.sent) % STEPS_PER_POINT == 0:
            self.latencies.append(np.zeros(_BINS, np.int64))
        images = int(np.isfinite(times).sum())
        answered = outcome.departures[outcome.taken] - times[outcome.taken]
        bins = np.minimum(answered / _BIN_SECONDS, _BINS - 1).astype(np.int64)
        self.latencies[-1] += np.bincount(bins, minlength=_BINS)
        self.sent.append(images)
        self.refused.append(images - len(answered))


def quantile(counts: npt.NDArray[np.int64], share: float) -> float:
    """The upper edge, in seconds, of the bin with a quantile."""
    total = np.cumsum(counts)
    return float(np.searchsorted(total, share * total[-1]) + 1) * _BIN_SECONDS


def simulate(
    rates: npt.NDArray[np.float64], rule: Rule, sampling: Sampling, replica: Replica, seed: int = 1
) -> Day:
    """Send a day's traffic, in images a second, to pods that the rule adds and removes."""
    rng = np.random.default_rng(seed)
    fleet = _Fleet(replica, rule.minimum)
    autoscaler = Autoscaler(rule)
    samples: deque[int] = deque(maxlen=sampling.window // sampling.interval)
    day = Day()
    for start in range(0, len(rates), SYNC_SECONDS):
        fleet.bring_up(start)
        before = fleet.free.copy()
        step = rates[start : start + SYNC_SECONDS]
        times = arrivals(rng, step, start, len(before))
        outcome = serve(times, fleet.free, replica.seconds, replica.longest)
        end = start + len(step)
        for scrape in sampling.times(start, end):
            samples.append(in_system(scrape, times, outcome, before, replica.seconds))
        day.replicas.append(fleet.replicas)
        day.record(times, outcome)
        if samples:
            metric = sum(samples) / len(samples)
            fleet.scale(autoscaler.decide(end, metric, fleet.replicas), end)
    return day


class _Fleet:
    """Pods, ready and starting."""

    def __init__(self, replica: Replica, replicas: int) -> None:
        self._replica = replica
        self._starting: list[float] = []
        # For each ready worker the second at which its queue is empty.
        self.free: Times = np.zeros(replicas * replica.workers)

    @property
    def replicas(self) -> int:
        return len(self.free) // self._replica.workers + len(self._starting)

    def bring_up(self, now: float) -> None:
        ready = [each for each in self._starting if each <= now]
        self._starting = [each for each in self._starting if each > now]
        fresh = np.full(len(ready) * self._replica.workers, float(now))
        self.free = np.concatenate([self.free, fresh])

    def scale(self, replicas: int, now: float) -> None:
        """Start pods, or remove them: first those that still start, then the newest.

        A removed pod answers its queue; those images were counted when they were accepted.
        """
        change = replicas - self.replicas
        if change >= 0:
            self._starting += [now + self._replica.start_seconds] * change
            return
        for _ in range(min(-change, len(self._starting))):
            self._starting.pop()
        self.free = self.free[: (replicas - len(self._starting)) * self._replica.workers]
