"""Request metrics, with BentoML's names and labels.

BentoML counts behind the front door, where it would never see a classification. Its counting is
off, and the same metrics are counted here.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import bentoml
from prometheus_client import Counter, Gauge

from inference.batching import metrics
from inference.batching.deferred import Histogram, Level, Observations, Record
from serving.metrics import stages

OTHER = "other"
"""The endpoint label of all unknown paths: clients cannot create labels."""

_LABELS = ("endpoint", "service_name", "service_version", "runner_name")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_total = Counter(
    "bentoml_service_request_total",
    "Total number of HTTP requests",
    (*_LABELS, "http_response_code"),
)
_duration = Histogram(
    "bentoml_service_request_duration_seconds",
    "HTTP request duration in seconds",
    (*_LABELS, "http_response_code"),
    buckets=_SECONDS,
)
_in_progress = Gauge(
    "bentoml_service_request_in_progress",
    "Number of HTTP requests in progress now",
    _LABELS,
    multiprocess_mode="livesum",
)

# To look up labels costs more than to count: keep the labelled metrics.
_CHILDREN = 256

_levels: dict[str, Level] = {}
_writers: list[Callable[[], None]] = []
_observations = Observations()


def begin(endpoint: str) -> None:
    """Count a request that has arrived."""
    level = _levels.get(endpoint)
    if level is None:
        level = _levels[endpoint] = Level(_in_progress.labels(**_labels(endpoint)))
    level.now += 1


def end(endpoint: str, status: int, seconds: float) -> None:
    """Count a request that was answered after some seconds."""
    _levels[endpoint].now -= 1
    _observations.add(_observe(endpoint, status), seconds)


def also_write(writer: Callable[[], None]) -> None:
    """Have metrics that belong to an object written with the others."""
    _writers.append(writer)


def write() -> None:
    """Write the metrics of this process, including those of its runner."""
    metrics.write()
    stages.write()
    _observations.write()
    for level in _levels.values():
        level.write()
    for writer in _writers:
        writer()


@lru_cache(_CHILDREN)
def _observe(endpoint: str, status: int) -> Record:
    # As int: str() of an enum member differs between Python versions.
    labels = _labels(endpoint) | {"http_response_code": int(status)}
    total, duration = _total.labels(**labels), _duration.labels(**labels)

    def observe(seconds: list[float]) -> None:
        total.inc(len(seconds))
        duration.observe_all(seconds)

    return observe


def _labels(endpoint: str) -> dict[str, Any]:
    context = bentoml.server_context
    return {
        "endpoint": endpoint,
        "service_name": context.bento_name,
        "service_version": context.bento_version,
        "runner_name": context.service_name,
    }
