"""The load test's figures over time and for each loop, for the charts and the JSON report."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from deployment_check.load.load_test import LoadTest, Phase
from deployment_check.load.metrics import (
    CLASSIFIED,
    REQUEST_SECONDS,
    Look,
    Point,
    mean,
    never_falls,
    rate,
    ratio,
)
from load_generator.known_images import Outcome

Lines = Mapping[str, Sequence[Point]]  # points by the name of their line

MEGABYTE = 2**20

_BATCH = "image_classifier_batch_size"
_PREPARE = "image_classifier_prepare_seconds"
_INFERENCE = "image_classifier_inference_seconds"
_PENDING = "image_classifier_pending_images"
_CPU = "image_classifier_worker_cpu_seconds_total"
_RESIDENT = "image_classifier_worker_resident_bytes"
_GPU = "image_classifier_gpu_utilization"
_GPU_MEMORY = "image_classifier_gpu_memory_used_bytes"

_CPU_WINDOW = 2.5  # a worker updates its figures every second
_MAX_LINES = 4  # a reader cannot tell more lines apart


def is_whole(found: LoadTest) -> bool:
    """Whether one replica gave all answers; the counters of several in turn mean nothing."""
    return never_falls(found.looks, f"{_BATCH}_count") and never_falls(found.looks, _CPU)


def bin_seconds(found: LoadTest) -> float:
    """Width of the throughput's bars."""
    return 0.5 if found.phases[-1].begin + found.phases[-1].seconds <= 30 else 1.0


def throughput(found: LoadTest) -> Mapping[Outcome, Sequence[Point]]:
    """Answers a second over time, by outcome; points are the left ends of bins."""
    width = bin_seconds(found)
    counts = Counter(
        (each.outcome, math.floor((phase.begin + each.finished) / width))
        for phase in found.phases
        for each in phase.exchanges
    )
    return {
        outcome: sorted((b * width, n / width) for (o, b), n in counts.items() if o is outcome)
        for outcome in Outcome
    }


def batch_size(found: LoadTest) -> Lines:
    """Images in one ``session.run`` over time."""
    return _named("images", ratio(found.looks, f"{_BATCH}_sum", f"{_BATCH}_count"))


def pending(found: LoadTest) -> Lines:
    """Images taken and not yet answered, over time."""
    return _named("images", [(look.when, look.metrics.total(_PENDING)) for look in found.looks])


def processors(found: LoadTest) -> Lines:
    """Processors that the workers keep busy, over time."""
    together = rate(found.looks, _CPU, _CPU_WINDOW)
    if len(workers(found)) > _MAX_LINES:
        return _named("all workers", together)
    each = {f"worker {w}": rate(found.looks, _CPU, _CPU_WINDOW, worker=w) for w in workers(found)}
    return {"all workers": together, **each} if len(each) > 1 else each


def memory(found: LoadTest) -> Lines:
    """Megabytes that each worker holds, over time."""
    if len(workers(found)) > _MAX_LINES:
        return _named("all workers", _gauge(found.looks, _RESIDENT, MEGABYTE))
    return {
        f"worker {w}": _gauge(found.looks, _RESIDENT, MEGABYTE, worker=w) for w in workers(found)
    }


def workers(found: LoadTest) -> Sequence[str]:
    """Numbers of the workers that ``/metrics`` names."""
    return _labels(found.looks, _RESIDENT, "worker")


def _of_gpus(name: str, unit: float, found: LoadTest) -> Lines:
    gpus = _labels(found.looks, name, "gpu")
    return {f"GPU {gpu}": _gauge(found.looks, name, unit, gpu=gpu) for gpu in gpus}


gpu_utilization = partial(_of_gpus, _GPU, 0.01)  # percent of the time in which a kernel ran
gpu_memory = partial(_of_gpus, _GPU_MEMORY, MEGABYTE)  # megabytes in use


def readiness(found: LoadTest) -> Lines:
    """Milliseconds until ``/readyz`` answered, over time."""
    return _named("/readyz", [(probe.when, probe.seconds * 1000) for probe in found.probes])


class Series(NamedTuple):
    """What is drawn over time."""

    title: str
    unit: str
    lines: Callable[[LoadTest], Lines]
    note: str


OF_METRICS = {
    "batch_size": Series("Batch size", "images", batch_size, "mean of one session.run"),
    "pending_images": Series(
        "Images in the service", "images", pending, "taken and not yet answered"
    ),
    "busy_processors": Series("Processors", "busy processors", processors, "of the workers"),
    "resident_megabytes": Series(
        "Memory", "MB", memory, "resident, shared libraries counted in each"
    ),
    "gpu_utilization_percent": Series(
        "GPU utilisation", "%", gpu_utilization, "time in which a kernel ran"
    ),
    "gpu_memory_megabytes": Series("GPU memory", "MB", gpu_memory, "in use by all processes"),
}
"""Series from ``/metrics``, by their names in ``report.json``."""

READINESS = Series("Readiness under load", "ms", readiness, "time to answer /readyz")


def stages(phase: Phase) -> Mapping[str, float] | str:
    """Milliseconds of a request in each stage, or why they are not known.

    The stages add up to the mean latency. Time in the service beyond decoding and inference is
    waiting, mostly for other requests. The rest of the latency is the network and the client.
    """
    if phase.looks is None:
        return "/metrics gave no answer"
    before, after = phase.looks
    right, counted = len(phase.of(Outcome.RIGHT)), after.classified - before.classified
    if not right or counted != right:
        return f"{right} right answers to {phase.name}, but {counted} in /metrics"
    prepare, inference = mean(before, after, _PREPARE), mean(before, after, _INFERENCE)
    inside = mean(before, after, REQUEST_SECONDS, **CLASSIFIED)
    if prepare is None or inference is None or inside is None:
        return "/metrics has no times of decoding and inference"
    parts = {
        "decode and resize": prepare,
        "inference": inference,
        "waiting, HTTP": inside - prepare - inference,
        "network, client": phase.latency.mean - inside,
    }
    if negative := [name for name, seconds in parts.items() if seconds < 0]:
        return f"{phase.name}: less than nothing is left for {negative[0]}"
    return {name: seconds * 1000 for name, seconds in parts.items()}


def why_no_stages(found: LoadTest) -> str | None:
    """Why the stages of some loop are not known; None if all are."""
    return next((said for said in map(stages, found.phases) if isinstance(said, str)), None)


def _named(name: str, points: Sequence[Point]) -> Lines:
    return {name: points} if points else {}


def _labels(looks: Sequence[Look], name: str, label: str) -> list[str]:
    found = {value for look in looks for value in look.metrics.by(name, label)}
    return sorted(found, key=lambda value: (len(value), value))


def _gauge(looks: Sequence[Look], name: str, unit: float, **labels: str) -> list[Point]:
    return [(look.when, look.metrics.total(name, **labels) / unit) for look in looks]
