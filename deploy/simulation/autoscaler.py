"""The decision of Kubernetes' HorizontalPodAutoscaler for one external metric.

Follows ``pkg/controller/podautoscaler`` of Kubernetes 1.3x: the ratio with its tolerance, the
stabilisation windows, then the policies.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

TOLERANCE = 0.1
"""Of the ratio of metric and target, within which nothing changes: the controller's default."""

SYNC_SECONDS = 15
"""Between two decisions: the controller's default."""


@dataclass(frozen=True)
class Policy:
    """How many replicas may change within a period.

    Attributes:
        kind: ``Pods``, or ``Percent`` of the replicas at the start of the period.
        value: pods or percent.
        period: seconds.
    """

    kind: str
    value: int
    period: int


@dataclass(frozen=True)
class Direction:
    """One half of the behaviour: stabilisation window in seconds, and policies.

    The policy that changes most is taken (``selectPolicy: Max``).
    """

    window: int
    policies: Sequence[Policy]


@dataclass(frozen=True)
class Rule:
    """What the ScaledObject says.

    Attributes:
        threshold: of the metric, for each replica (``AverageValue``).
        minimum: of replicas.
        maximum: of replicas.
        up: how replicas are added.
        down: how replicas are taken away.
    """

    threshold: float
    minimum: int
    maximum: int
    up: Direction
    down: Direction


def wanted(metric: float, threshold: float, replicas: int) -> int:
    """Replicas at which the metric is ``threshold`` for each: ceil(metric ÷ threshold).

    Equal to ceil(replicas · ratio) with ratio = metric ÷ (threshold · replicas); within the
    tolerance around a ratio of 1 the replicas stay as they are.
    """
    ratio = metric / (threshold * replicas)
    return replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(metric / threshold)


class Autoscaler:
    """The rule, with the memory it needs.

    Args:
        rule: to follow.
    """

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._wishes: deque[tuple[float, int]] = deque()
        self._changes: deque[tuple[float, int]] = deque()
        self._memory = max(
            (each.period for half in (rule.up, rule.down) for each in half.policies), default=0
        )

    def decide(self, now: float, metric: float, replicas: int) -> int:
        """How many replicas there shall be.

        Args:
            now: seconds.
            metric: of all replicas together.
            replicas: that there are, ready or not.
        """
        wish = self._stabilised(now, wanted(metric, self._rule.threshold, replicas), replicas)
        while self._changes and self._changes[0][0] <= now - self._memory:
            self._changes.popleft()
        decided = self._limited(now, wish, replicas)
        if decided != replicas:
            self._changes.append((now, decided - replicas))
        return decided

    def _stabilised(self, now: float, wish: int, replicas: int) -> int:
        """Not more than was wished all through one window, nor less than ever in the other."""
        up, down = self._rule.up.window, self._rule.down.window
        self._wishes.append((now, wish))
        while self._wishes[0][0] <= now - max(up, down, 1):
            self._wishes.popleft()
        least = min(each for time, each in self._wishes if time == now or time > now - up)
        most = max(each for time, each in self._wishes if time == now or time > now - down)
        return min(max(replicas, least), most)

    def _limited(self, now: float, wish: int, replicas: int) -> int:
        rule = self._rule
        if wish > replicas:
            most = self._limit(now, rule.up, replicas, max, _more)
            return min(wish, max(most, replicas), rule.maximum)
        if wish < replicas:
            least = self._limit(now, rule.down, replicas, min, _less)
            return max(wish, min(least, replicas), rule.minimum)
        return min(max(replicas, rule.minimum), rule.maximum)

    def _limit(
        self,
        now: float,
        half: Direction,
        replicas: int,
        furthest: Callable[[list[int]], int],
        proposed: Callable[[Policy, int], int],
    ) -> int:
        """What the policies allow, counted from the replicas at the start of their periods."""
        starts = (
            replicas - sum(change for time, change in self._changes if time > now - each.period)
            for each in half.policies
        )
        return furthest(
            [proposed(each, start) for each, start in zip(half.policies, starts, strict=True)]
        )


def _more(policy: Policy, start: int) -> int:
    added = policy.value if policy.kind == "Pods" else start * policy.value / 100
    return math.ceil(start + added)


def _less(policy: Policy, start: int) -> int:
    taken = policy.value if policy.kind == "Pods" else start * policy.value / 100
    return int(start - taken)
