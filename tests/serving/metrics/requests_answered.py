"""A request that was answered, for the tests of what is told of it."""

from inference import Run
from serving.metrics.answered import Answered
from serving.metrics.stages import RequestTimes
from serving.metrics.trace_context import TraceContext

TRACE = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True)


def answered(status: int = 200, trace: TraceContext | None = None) -> Answered:
    """A request with one image: half a second of each stage, from its beginning on."""
    times = RequestTimes()
    began = times.began
    times.received = times.submitted = began + 0.5
    image = times.new_image()
    image.decode_began = began + 1.0
    image.transform_began = began + 1.5
    image.transform_ended = began + 2.0
    image.run = Run(began + 2.0, began + 2.5)
    times.answered = began + 2.5
    return Answered("POST", "/classify", status, "one", trace, "image_classifier:toy", times)
