"""What is counted of requests, under the names and labels that BentoML uses.

BentoML's own counting sits behind the front door and would never see a classification;
it is switched off, and the same metrics are kept here.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import bentoml
import psutil
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


def forget_dead_workers() -> None:
    """Count no longer what workers that were killed had in hand.

    Nobody takes it back for them: an autoscaler would see images wait for ever.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    for file in Path(folder).glob("gauge_live*_*.db") if folder else ():
        if not psutil.pid_exists(int(file.stem.rpartition("_")[2])):
            file.unlink(missing_ok=True)


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
