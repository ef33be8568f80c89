"""Where the time of a request goes: the same figures for clients, ``/metrics``, log and spans.

========== =====================================================================================
receive    from the complete header until the body is whole
decode     encoded bytes → RGB; for an unusual image with the wait for the decoding process
transform  resize and crop
queue      what the images waited for: a thread, the other images of their batch, a session
inference  ``session.run`` of the batches that the images were in
total      from the complete header until the response is written
========== =====================================================================================

What the stages leave of ``total`` is parsing the request and writing the answer. For a request
with several images, decode and transform are sums, and a run that images share counts once.
"""

import time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from inference.batching.deferred import Histogram, Observations, Record
from preprocessing.budget import DecodeTimes

if TYPE_CHECKING:
    from inference import Run


class Durations(NamedTuple):
    """Seconds of each stage, in the order of time; None for a stage that was not reached."""

    receive: float | None
    decode: float | None
    transform: float | None
    queue: float | None
    inference: float | None
    total: float

    def known(self) -> dict[str, float]:
        """Seconds by stage, without those that were not reached."""
        return {name: each for name, each in zip(STAGES, self, strict=True) if each is not None}


STAGES = Durations._fields
"""Names of the stages."""

# The header of a request with all stages: one format takes a quarter of the time of six.
_ALL_STAGES = ", ".join(f"{name};dur=%.2f" for name in STAGES).encode()

_SECONDS = (0.00025, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

_histogram = Histogram(
    "image_classifier_stage_seconds",
    "Stages of a request that was answered with 200",
    ("endpoint", "stage"),
    buckets=_SECONDS,
)
_observations = Observations()


class ImageTimes(DecodeTimes):
    """When an image was worked on, in ``time.perf_counter()`` seconds.

    Attributes:
        run: of the image's batch; None as long as there was none.
    """

    __slots__ = ("run",)

    def __init__(self) -> None:
        super().__init__()
        self.run: Run | None = None


class RequestTimes:
    """When a request was worked on, in ``time.perf_counter()`` seconds.

    Attributes:
        began: its header was complete.
        received: its body was; 0 as long as it was not.
        submitted: its images were given to the runner; 0 as long as they were not.
        answered: the runner has answered for them.
        images: that the runner was given.
    """

    __slots__ = ("_durations", "answered", "began", "images", "received", "submitted")

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.received = self.submitted = self.answered = 0.0
        self.images: list[ImageTimes] = []
        self._durations: Durations | None = None

    def submit(self) -> None:
        """Note that the runner is given the first images now, unless it already was."""
        self.submitted = self.submitted or time.perf_counter()

    def new_image(self) -> ImageTimes:
        """The times of one more image."""
        times = ImageTimes()
        self.images.append(times)
        return times

    def durations(self) -> Durations:
        """Seconds of the stages. The first call ends ``total``."""
        if self._durations is None:
            total = time.perf_counter() - self.began
            receive = self.received - self.began if self.received else None
            self._durations = Durations(receive, *self._of_images(), total)
        return self._durations

    def _of_images(self) -> tuple[float | None, float | None, float | None, float | None]:
        """Decode, transform, queue and inference."""
        if not self.answered:
            return None, None, None, None
        decode = transform = inference = 0.0
        counted = None
        for image in self.images:
            if image.transform_ended:  # not for pixels, nor for what could not be decoded
                decode += image.transform_began - image.decode_began
                transform += image.transform_ended - image.transform_began
            if image.run is not None and image.run is not counted:
                counted = image.run
                inference += counted.ended - counted.began
        # Several threads may have decoded side by side.
        known = decode + transform + inference
        return decode, transform, max(0.0, self.answered - self.submitted - known), inference

    def header(self) -> bytes:
        """Value of the ``Server-Timing`` header: milliseconds (W3C Server Timing, 2)."""
        stages = self.durations()
        known = [1000 * each for each in stages if each is not None]
        if len(known) == len(STAGES):
            return _ALL_STAGES % tuple(known)
        named = zip(stages.known(), known, strict=True)
        return ", ".join([f"{name};dur={each:.2f}" for name, each in named]).encode()


def observe(endpoint: str, times: RequestTimes) -> None:
    """Record the stages of a request that was answered with 200."""
    _observations.add(_observe(endpoint), times.durations())


def write() -> None:
    """Bring the metrics up to date."""
    _observations.write()


@lru_cache
def _observe(endpoint: str) -> Record:
    histograms = [_histogram.labels(endpoint, stage) for stage in STAGES]

    def observe(requests: list[Durations]) -> None:
        for histogram, seconds in zip(histograms, zip(*requests, strict=True), strict=True):
            histogram.observe_all([each for each in seconds if each is not None])

    return observe
