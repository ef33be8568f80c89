"""What is counted of requests, under the names and labels that BentoML uses.

BentoML's own counting sits behind the front door and would never see a classification;
it is switched off, and the same metrics are kept here.
"""

from functools import lru_cache
from typing import Any

import bentoml
from prometheus_client import Counter, Gauge, Histogram

OTHER = "other"
"""Endpoint label of unknown paths, so that strangers cannot make labels."""

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

# Looking labels up costs more than counting: the children of each metric are kept.
_CHILDREN = 256


def begin(endpoint: str) -> None:
    """A request has arrived."""
    _gauge(endpoint).inc()


def end(endpoint: str, status: int, seconds: float) -> None:
    """It is answered, some seconds later."""
    _gauge(endpoint).dec()
    total, duration = _answered(endpoint, status)
    total.inc()
    duration.observe(seconds)


@lru_cache(_CHILDREN)
def _gauge(endpoint: str) -> Gauge:
    return _in_progress.labels(**_labels(endpoint))


@lru_cache(_CHILDREN)
def _answered(endpoint: str, status: int) -> tuple[Counter, Histogram]:
    labels = _labels(endpoint) | {"http_response_code": status}
    return _total.labels(**labels), _duration.labels(**labels)


def _labels(endpoint: str) -> dict[str, Any]:
    context = bentoml.server_context
    return {
        "endpoint": endpoint,
        "service_name": context.bento_name,
        "service_version": context.bento_version,
        "runner_name": context.service_name,
    }
