"""What a runner counts, for ``/metrics``; written when :func:`write` is called."""

from prometheus_client import Counter, Gauge

from inference.batching.deferred import Histogram, Level, Observations

_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

_batch_size = Histogram(
    name="image_classifier_batch_size",
    documentation="Images in one session.run",
    buckets=_BATCH_SIZES,
)
_prepare_seconds = Histogram(
    name="image_classifier_prepare_seconds",
    documentation="Decoding and resizing: one batch, or one image where decoding runs ahead",
    buckets=_SECONDS,
)
_inference_seconds = Histogram(
    name="image_classifier_inference_seconds",
    documentation="One session.run",
    buckets=_SECONDS,
)
pending = Level(
    Gauge(
        name="image_classifier_pending_images",
        documentation="Images taken and not yet answered",
        multiprocess_mode="livesum",
    )
)
dropped = Counter(
    name="image_classifier_dropped_images",
    documentation="Images whose client had gone or whose deadline had passed",
)
_refused = Counter(
    name="image_classifier_refused_images",
    documentation="Images answered 503 because too many were waiting",
)

_observations = Observations()


def write() -> None:
    """Bring the metrics up to date."""
    _observations.write()
    pending.write()


def observe_prepared(seconds: float) -> None:
    """Record how long decoding and resizing took."""
    _observations.add(_prepare_seconds.observe_all, seconds)


def observe_run(images: int, seconds: float) -> None:
    """Record a ``session.run``."""
    _observations.add(_batch_size.observe_all, images)
    _observations.add(_inference_seconds.observe_all, seconds)


def count_refused(images: int) -> None:
    """Record images refused because the queue was full."""
    _observations.add(_refused_together, images)


def _refused_together(images: list[int]) -> None:
    _refused.inc(sum(images))
