"""A request that was answered, for the log and the trace; without images and keys."""

from typing import NamedTuple

from serving.metrics.stages import RequestTimes
from serving.metrics.trace_context import TraceContext


class Answered(NamedTuple):
    """A request that was answered.

    Attributes:
        route: the endpoint's label in the metrics.
        request_id: the client's, the trace's, or a new one.
        trace: None if the client sent no ``traceparent``.
        model: tag of the model; None as long as none is loaded.
    """

    method: str
    route: str
    status: int
    request_id: str
    trace: TraceContext | None
    model: str | None
    times: RequestTimes
