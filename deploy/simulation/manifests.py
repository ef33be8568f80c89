"""Reads the autoscaling rule from the manifests, so that no number is written twice."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.simulation.autoscaler import Direction, Policy, Rule

BASE = Path(__file__).parent.parent / "kubernetes" / "base"


@dataclass(frozen=True)
class Sampling:
    """How Prometheus samples the metric: a gauge, scraped and averaged."""

    interval: int  # seconds between two scrapes
    window: int  # seconds that the query averages over

    def times(self, start: int, end: int) -> range:
        """Seconds of the scrapes after ``start`` and until ``end``."""
        return range(start - start % self.interval + self.interval, end + 1, self.interval)


def rule() -> Rule:
    """What the base's ScaledObject says."""
    spec = _spec("scaled-object.yaml")
    behaviour = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    return Rule(
        threshold=float(spec["triggers"][0]["metadata"]["threshold"]),
        minimum=spec["minReplicaCount"],
        maximum=spec["maxReplicaCount"],
        up=_direction(behaviour["scaleUp"]),
        down=_direction(behaviour["scaleDown"]),
    )


def sampling() -> Sampling:
    """What the base's ServiceMonitor and the ScaledObject's query say."""
    (endpoint,) = _spec("service-monitor.yaml")["endpoints"]
    query = _spec("scaled-object.yaml")["triggers"][0]["metadata"]["query"]
    window = re.search(r"\[(\d+)s\]", query)
    if window is None:
        raise ValueError(f"no window in seconds in {query}")
    return Sampling(int(endpoint["interval"].removesuffix("s")), int(window[1]))


def _direction(half: dict[str, Any]) -> Direction:
    policies = [
        Policy(each["type"], each["value"], each["periodSeconds"]) for each in half["policies"]
    ]
    return Direction(half["stabilizationWindowSeconds"], policies)


def _spec(file: str) -> dict[str, Any]:
    spec: dict[str, Any] = yaml.safe_load((BASE / file).read_text())["spec"]
    return spec
