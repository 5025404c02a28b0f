"""What both services share: OpenTelemetry metrics for Prometheus, and spans kept in a file of OTLP JSON lines."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind
from prometheus_client import make_wsgi_app

BASE64_IDS = ("traceId", "spanId", "parentSpanId")


class OtlpFile(SpanExporter):
    """Appends one OTLP export request per line, as the collector's file exporter does."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        body = MessageToDict(encode_spans(spans))
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_hex_ids(body)) + "\n")
        return SpanExportResult.SUCCESS


def _hex_ids(value: Any) -> Any:
    """OTLP JSON writes ids as hex where protobuf's own JSON mapping writes base64."""
    if isinstance(value, dict):
        return {
            key: base64.b64decode(item).hex() if key in BASE64_IDS else _hex_ids(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_hex_ids(item) for item in value]
    return value


class Telemetry:
    """Meter, tracer and the scrape endpoint of one service."""

    def __init__(self, service: str, port: int, spans: Path) -> None:
        resource = Resource.create({"service.name": service})
        self.meters = MeterProvider(resource=resource, metric_readers=[PrometheusMetricReader()])
        self.meter = self.meters.get_meter("shop")
        self.tracers = TracerProvider(resource=resource)
        self.tracers.add_span_processor(BatchSpanProcessor(OtlpFile(spans), schedule_delay_millis=500))
        self.tracer = self.tracers.get_tracer("shop")
        self.scrapes = 0
        self._scraped = threading.Condition()
        app = make_wsgi_app()

        def counted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            # Like any instrumented server, this one leaves a span for each request, scrapes included.
            with self.tracer.start_as_current_span("GET /metrics", kind=SpanKind.SERVER):
                body = app(environ, start_response)
            with self._scraped:
                self.scrapes += 1
                self._scraped.notify_all()
            return body

        class Quiet(WSGIRequestHandler):
            def log_message(self, *args: Any) -> None:
                """A scrape a second is no news."""

        server = make_server("127.0.0.1", port, counted, handler_class=Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def wait_for_scrapes(self, count: int) -> None:
        """Block until the endpoint has been read that many times more, so that nothing counted is lost."""
        with self._scraped:
            wanted = self.scrapes + count
            self._scraped.wait_for(lambda: self.scrapes >= wanted, timeout=30)

    def close(self) -> None:
        """Write the last spans."""
        self.tracers.shutdown()
