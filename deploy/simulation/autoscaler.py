"""The decision of Kubernetes' HorizontalPodAutoscaler for one external metric.

Follows ``pkg/controller/podautoscaler`` of Kubernetes 1.3x: the ratio with its tolerance, the
stabilisation windows, then the policies.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TOLERANCE = 0.1
"""Nothing changes while metric ÷ target is this close to 1: the controller's default."""

SYNC_SECONDS = 15  # time between two decisions: the controller's default


@dataclass(frozen=True)
class Policy:
    """By how much the number of replicas may change within a period."""

    kind: str  # ``Pods``, or ``Percent`` of the replicas at the start of the period
    value: int  # pods or percent
    period: int  # seconds


@dataclass(frozen=True)
class Direction:
    """Scaling up or down: stabilisation window in seconds, and policies.

    The policy that allows the largest change counts (``selectPolicy: Max``).
    """

    window: int
    policies: Sequence[Policy]


@dataclass(frozen=True)
class Rule:
    """What the ScaledObject says."""

    threshold: float  # of the metric, for each replica (``AverageValue``)
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
    """Applies a rule; remembers recent desired numbers of replicas, and recent changes."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._wishes: deque[tuple[float, int]] = deque()
        self._changes: deque[tuple[float, int]] = deque()
        self._memory = max(
            (each.period for half in (rule.up, rule.down) for each in half.policies), default=0
        )

    def decide(self, now: float, metric: float, replicas: int) -> int:
        """How many replicas there should be, given the existing ones, ready or not.

        The metric is summed over all replicas.
        """
        wish = self._stabilised(now, wanted(metric, self._rule.threshold, replicas), replicas)
        while self._changes and self._changes[0][0] <= now - self._memory:
            self._changes.popleft()
        decided = self._limited(now, wish, replicas)
        if decided != replicas:
            self._changes.append((now, decided - replicas))
        return decided

    def _stabilised(self, now: float, wish: int, replicas: int) -> int:
        """Up: the smallest desired number in the window. Down: the largest."""
        up, down = self._rule.up.window, self._rule.down.window
        self._wishes.append((now, wish))
        while self._wishes[0][0] <= now - max(up, down, 1):
            self._wishes.popleft()
        least = min(each for time, each in self._wishes if time == now or time > now - up)
        most = max(each for time, each in self._wishes if time == now or time > now - down)
        return min(max(replicas, least), most)

    def _limited(self, now: float, wish: int, replicas: int) -> int:
        """The desired number, within the policies and the bounds of the rule."""
        if wish > replicas:
            most = max(self._allowed(now, self._rule.up, replicas, 1))
            wish = min(wish, max(most, replicas))
        elif wish < replicas:
            least = min(self._allowed(now, self._rule.down, replicas, -1))
            wish = max(wish, min(least, replicas))
        return min(max(wish, self._rule.minimum), self._rule.maximum)

    def _allowed(self, now: float, half: Direction, replicas: int, sign: int) -> Iterator[int]:
        """By each policy, counted from the replicas at the start of its period."""
        for each in half.policies:
            changes = (change for time, change in self._changes if time > now - each.period)
            start = replicas - sum(changes)
            change = each.value if each.kind == "Pods" else start * each.value / 100
            # Kubernetes rounds up what is added, and what is removed.
            yield math.ceil(start + change) if sign > 0 else math.floor(start - change)
