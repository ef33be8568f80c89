"""Metrics of the images and of the predictions: formats, classes, confidence, drift.

A thousand classes would be too many series: 20 classes have one each, and all others share one.
The 20 are the most frequent classes of the model's reference. Without a reference they are the
first that any worker predicts: workers agree on them in a file.
"""

import contextlib
import fcntl
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import prometheus_client
from prometheus_client import Gauge

from inference.answers.drift import SHOWN_CLASSES, Drift, most_common
from inference.batching.deferred import Histogram, Observations
from model_checks import CONFIDENCE_BINS
from model_spec import ModelSpec

OTHER = "other"
"""Class id and label of the series that all other classes share."""

_FILE = "classes"

_formats = prometheus_client.Counter(
    "image_classifier_decoded_images",
    "Images that were classified, by file format",
    ("format",),
)
_classes = prometheus_client.Counter(
    "image_classifier_predicted_images",
    "Images by their most probable class; all but 20 classes share one series",
    ("class_id", "label"),
)
_confidence = Histogram(
    "image_classifier_confidence",
    "Confidence in the most probable class, 0 to 1",
    buckets=[(index + 1) / CONFIDENCE_BINS for index in range(CONFIDENCE_BINS)],
)
_stability_index = Gauge(
    "image_classifier_population_stability_index",
    "How far a worker's last 1,000 answers are from the model's reference",
    ("of", "worker"),
    multiprocess_mode="mostrecent",
)


class Seen(NamedTuple):
    """An image that was classified."""

    format: str
    class_id: int
    confidence: float


class ShownClasses:
    """The classes that have series of their own; ``SHOWN_CLASSES`` at most.

    If there are any from the start, no others are added. The folder is one that all workers share.
    """

    def __init__(self, ids: Iterable[int], folder: Path) -> None:
        self.ids = set(ids)
        self._is_full = bool(self.ids)
        self._path = folder / _FILE

    def admit(self, candidates: Iterable[int]) -> None:
        """Add classes while there is room, and those that other workers have added."""
        if self._is_full or self.ids.issuperset(candidates):
            return
        with contextlib.suppress(OSError), self._path.open("a+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            self.ids = set(map(int, file.read().split()))
            new = [each for each in candidates if each not in self.ids]
            new = new[: SHOWN_CLASSES - len(self.ids)]
            file.write("".join(f"{each}\n" for each in new))
            self.ids |= set(new)
            self._is_full = len(self.ids) == SHOWN_CLASSES


class Predictions:
    """Counts the predictions of a worker, numbered from 1.

    The folder is one that all workers share.
    """

    def __init__(self, spec: ModelSpec, worker: int, folder: Path) -> None:
        known = most_common(spec.reference) if spec.reference else ()
        self._shown = ShownClasses(known, folder)
        self._labels = spec.labels
        self._drift = Drift(spec.reference) if spec.reference else None
        self._worker = str(worker)
        self._observations = Observations()

    def add(self, seen: Seen) -> None:
        """Count an image the next time the metrics are written."""
        self._observations.add(self._record, seen)

    def write(self) -> None:
        """Bring the metrics up to date."""
        self._observations.write()
        if self._drift and (indices := self._drift.indices()):
            for name, index in zip(("classes", "confidence"), indices, strict=True):
                _stability_index.labels(name, self._worker).set(index)

    def _record(self, images: list[Seen]) -> None:
        formats, classes, confidences = zip(*images, strict=True)
        _confidence.observe_all(confidences)
        for name, count in Counter(formats).items():
            _formats.labels(name).inc(count)
        self._count(Counter(classes))
        if self._drift:
            for image in images:
                self._drift.add(image.class_id, image.confidence)

    def _count(self, classes: Counter[int]) -> None:
        self._shown.admit([class_id for class_id, _ in classes.most_common()])
        for class_id, count in classes.items():
            if class_id in self._shown.ids:
                _classes.labels(class_id, self._labels[class_id]).inc(count)
            else:
                _classes.labels(OTHER, OTHER).inc(count)
