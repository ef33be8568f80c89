"""OpenTelemetry spans of a request and its stages, where an exporter is configured.

``OTEL_EXPORTER_OTLP_ENDPOINT`` configures it, and OpenTelemetry's other variables apply. Without
it nothing of OpenTelemetry is imported here.
"""

import os
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from errors import StartupError
from serving.metrics.answered import Answered
from serving.metrics.stages import RequestTimes

if TYPE_CHECKING:
    from opentelemetry.context import Context

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_SERVICE = "image_classifier"
_NANOSECONDS = 1e9

Interval = tuple[str, float, float]
"""Name of a stage, from and to ``time.perf_counter()`` seconds."""


def is_configured() -> bool:
    """Whether the environment names a collector."""
    return any(os.environ.get(name) for name in _ENDPOINTS)


def check() -> None:
    """Refuse to start if spans are configured and cannot be sent.

    Raises:
        StartupError: OpenTelemetry's exporter is not installed.
    """
    if is_configured():
        Spans().close()


class Spans:
    """Sends a span for each request, and one for each of its stages, to the collector.

    Raises:
        StartupError: OpenTelemetry's exporter is not installed.
    """

    def __init__(self) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import SERVICE_NAME, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise StartupError(
                f"{' or '.join(_ENDPOINTS)} is set, but OpenTelemetry's exporter is not installed: "
                "pip install '.[tracing]'"
            ) from error
        self._trace = trace
        name = os.environ.get("OTEL_SERVICE_NAME", _SERVICE)
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(_SERVICE)

    def export(self, answered: Answered) -> None:
        """Queue the spans of a request; another thread sends them."""
        times = answered.times
        # From the clock of the stages to the time of day.
        offset = time.time() - time.perf_counter()
        ended = times.began + times.durations().total
        span = self._tracer.start_span(
            f"{answered.method} {answered.route}",
            context=self._parent(answered),
            kind=self._trace.SpanKind.SERVER,
            start_time=_nanoseconds(times.began + offset),
            attributes={
                "http.request.method": answered.method,
                "http.route": answered.route,
                "http.response.status_code": int(answered.status),
                "image_classifier.request_id": answered.request_id,
                "image_classifier.model": answered.model or "",
                "image_classifier.images": len(times.images),
            },
        )
        if answered.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            span.set_status(self._trace.StatusCode.ERROR)
        if span.is_recording():
            parent = self._trace.set_span_in_context(span)
            for name, began, stage_ended in intervals(times):
                stage = self._tracer.start_span(
                    name, context=parent, start_time=_nanoseconds(began + offset)
                )
                stage.end(_nanoseconds(stage_ended + offset))
        span.end(_nanoseconds(ended + offset))

    def close(self) -> None:
        """Send the queued spans, and end the thread."""
        self._provider.shutdown()

    def _parent(self, answered: Answered) -> "Context | None":
        client = answered.trace
        if client is None:
            return None
        context = self._trace.SpanContext(
            int(client.trace_id, 16),
            int(client.span_id, 16),
            is_remote=True,
            trace_flags=self._trace.TraceFlags(client.is_sampled),
        )
        return self._trace.set_span_in_context(self._trace.NonRecordingSpan(context))


def intervals(times: RequestTimes) -> Iterator[Interval]:
    """The stages of a request and of each image; a run that images share comes once."""
    if times.received:
        yield "receive", times.began, times.received
    run = None
    for image in times.images:
        if image.transform_ended:
            yield "queue", times.submitted, image.decode_began
            yield "decode", image.decode_began, image.transform_began
            yield "transform", image.transform_began, image.transform_ended
        if image.run is not None and image.run is not run:
            run = image.run
            yield "inference", run.began, run.ended


def _nanoseconds(seconds: float) -> int:
    return int(seconds * _NANOSECONDS)
