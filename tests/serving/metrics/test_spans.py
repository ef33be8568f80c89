"""Spans, as a collector on the loopback receives them."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import SimpleQueue
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from errors import StartupError
from serving.metrics import spans
from serving.metrics.spans import Spans
from tests.serving.metrics.requests_answered import TRACE, answered
from tests.support.commands import python

PATIENCE = 20.0


class Collector:
    """Receives OTLP over HTTP, as protobuf.

    Attributes:
        url: for ``OTEL_EXPORTER_OTLP_ENDPOINT``.
        received: what came.
    """

    def __init__(self) -> None:
        self.received: SimpleQueue[ExportTraceServiceRequest] = SimpleQueue()
        received = self.received

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                received.put(ExportTraceServiceRequest.FromString(body))
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Not into the tests' output."""

        self.server = HTTPServer(("127.0.0.1", 0), Receiver)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    collector = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


def test_a_request_is_a_span_in_its_clients_trace_with_a_span_for_each_stage(
    collector: Collector,
) -> None:
    exported = Spans()
    exported.export(answered(trace=TRACE))
    exported.close()
    (resource,) = collector.received.get(timeout=PATIENCE).resource_spans
    names = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert names["service.name"] == "image_classifier"
    *stages, request = resource.scope_spans[0].spans

    assert request.name == "POST /classify"
    assert request.parent_span_id.hex() == TRACE.span_id
    attributes = {each.key: each.value for each in request.attributes}
    assert attributes["http.response.status_code"].int_value == 200
    assert attributes["image_classifier.model"].string_value == "image_classifier:toy"
    assert [each.name for each in stages] == [
        *("receive", "queue", "decode", "transform", "inference")
    ]
    for stage in stages:
        assert stage.parent_span_id == request.span_id
        assert stage.trace_id.hex() == request.trace_id.hex() == TRACE.trace_id
        lasted = stage.end_time_unix_nano - stage.start_time_unix_nano
        assert lasted == pytest.approx(0.5e9, abs=1000)


def test_what_the_client_does_not_record_is_not_sent(collector: Collector) -> None:
    exported = Spans()
    exported.export(answered(trace=TRACE._replace(is_sampled=False)))
    exported.close()
    assert collector.received.empty()


def test_without_an_endpoint_nothing_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    assert not spans.is_configured()
    spans.check()


@pytest.mark.slow
def test_nothing_of_the_exporter_is_imported_without_an_endpoint() -> None:
    script = "import sys, service; print([n for n in sys.modules if 'opentelemetry.exporter' in n])"
    assert python("-c", script) == "[]\n"


def test_a_missing_exporter_is_named_with_what_installs_it(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(StartupError, match=r"TRACES_ENDPOINT is set.* pip install '\.\[tracing\]'"):
        spans.check()
