"""What a runner counts, for ``/metrics``."""

from prometheus_client import Counter, Gauge, Histogram

_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

batch_size = Histogram(
    name="image_classifier_batch_size",
    documentation="Images in one session.run",
    buckets=_BATCH_SIZES,
)
prepare_seconds = Histogram(
    name="image_classifier_prepare_seconds",
    documentation="Decoding and resizing: one batch, or one image where decoding runs ahead",
    buckets=_SECONDS,
)
inference_seconds = Histogram(
    name="image_classifier_inference_seconds",
    documentation="One session.run",
    buckets=_SECONDS,
)
_pending = Gauge(
    name="image_classifier_pending_images",
    documentation="Images taken and not yet answered",
    multiprocess_mode="livesum",
)
_dropped = Counter(
    name="image_classifier_dropped_images",
    documentation="Images whose client had gone or whose deadline had passed",
)
_refused = Counter(
    name="image_classifier_refused_images",
    documentation="Images answered 503 because too many were waiting",
)


def set_pending(images: int) -> None:
    """Record how many images are in the process."""
    _pending.set(images)


def count_dropped(images: int) -> None:
    """Record images dropped because nobody waits for them."""
    _dropped.inc(images)


def count_refused(images: int) -> None:
    """Record images refused because the queue was full."""
    _refused.inc(images)
