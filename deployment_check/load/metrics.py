"""Answers of ``/metrics``, and differences between them."""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Point = tuple[float, float]  # seconds since the load test began, and a value

REQUEST_SECONDS = "bentoml_service_request_duration_seconds"
CLASSIFIED = {"endpoint": "/classify", "http_response_code": "200"}
"""Labels of the load test's requests that were answered."""


class Metrics:
    """One answer of ``/metrics``, in Prometheus' format; a ValueError if it is not."""

    def __init__(self, text: str) -> None:
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """The sum of a metric over all samples with these labels; 0 without any."""
        wanted = labels.items()
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and wanted <= sample.labels.items()
        )

    def by(self, name: str, label: str) -> dict[str, float]:
        """A metric by the values of one of its labels."""
        return {
            sample.labels[label]: sample.value
            for sample in self._samples
            if sample.name == name and label in sample.labels
        }


@dataclass(frozen=True)
class Look:
    """A look at ``/metrics``."""

    when: float  # seconds since the load test began
    metrics: Metrics

    @property
    def classified(self) -> int:
        """How many requests to ``/classify`` were answered with 200."""
        return int(self.metrics.total(f"{REQUEST_SECONDS}_count", **CLASSIFIED))


def rate(looks: Sequence[Look], name: str, window: float = 0.0, **labels: str) -> list[Point]:
    """Growth of a counter per second, over the last ``window`` seconds or a bit more."""
    return [
        (new.when, _grown(old, new, name, **labels) / (new.when - old.when))
        for old, new in _windows(looks, window)
    ]


def ratio(looks: Sequence[Look], above: str, below: str, **labels: str) -> list[Point]:
    """Growth of one counter divided by that of another, wherever the other grew."""
    return [
        (new.when, _grown(old, new, above, **labels) / grown)
        for old, new in _windows(looks, 0.0)
        if (grown := _grown(old, new, below, **labels)) > 0
    ]


def mean(old: Look, new: Look, histogram: str, **labels: str) -> float | None:
    """Mean of a histogram's values between two looks; None if there were none."""
    count = _grown(old, new, f"{histogram}_count", **labels)
    return _grown(old, new, f"{histogram}_sum", **labels) / count if count else None


def never_falls(looks: Sequence[Look], name: str) -> bool:
    """Whether a counter never falls. If several replicas answer in turn, it falls."""
    return all(_grown(old, new, name) >= 0 for old, new in _windows(looks, 0.0))


def _windows(looks: Sequence[Look], window: float) -> list[tuple[Look, Look]]:
    """Each look, with the newest look that is at least a window older."""
    pairs = []
    for index, new in enumerate(looks):
        older = [old for old in looks[:index] if new.when - old.when >= window]
        if older:
            pairs.append((older[-1], new))
    return pairs


def _grown(old: Look, new: Look, name: str, **labels: str) -> float:
    return new.metrics.total(name, **labels) - old.metrics.total(name, **labels)
