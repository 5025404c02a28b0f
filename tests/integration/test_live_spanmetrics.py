"""A living collector's span metrics connector, as it is shipped and as teams set it: counts equal to what was sent."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prometheus_server
import pytest
from integration import collector_server
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

DOCUMENT = Path(__file__).parent / "spanmetrics" / "billing.yaml"
HANDLED, FAILED, SENT, REFUSED = 200, 5, 120, 2
DIMENSIONS = ["messaging.destination.name", "messaging.consumer.group.name", "messaging.operation.type"]
AS_SHIPPED: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
WITH_DIMENSIONS: tuple[dict[str, Any], dict[str, Any]] = (
    {"dimensions": [{"name": name} for name in DIMENSIONS], "histogram": {"unit": "s"}, "namespace": ""},
    {},
)
WITHOUT_SUFFIXES: tuple[dict[str, Any], dict[str, Any]] = (
    {"dimensions": [{"name": name} for name in DIMENSIONS]},
    {"translation_strategy": "UnderscoreEscapingWithoutSuffixes"},
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@dataclass
class Seen:
    """The status and the map after the spans have become counters."""

    status: dict[str, Any]
    mapping: dict[str, Any]

    def counts(self, operation: str) -> tuple[float, float, str]:
        (found,) = [one for one in self.status["objectives"] if one["operation"] == operation]
        return found["good"], found["total"], found["profile"]


def send_spans(port: int, first: int, last: int) -> None:
    """Spans of a service that handles orders and sends invoices, numbered so that the failing ones are known."""
    provider = TracerProvider(resource=Resource.create({"service.name": "billing"}))
    exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{port}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("billing")
    for number in range(first, last):
        handled = {
            "messaging.system": "kafka",
            "messaging.destination.name": "orders.v1",
            "messaging.consumer.group.name": "billing-v1",
            "messaging.operation.type": "process",
        }
        with tracer.start_as_current_span("process orders.v1", kind=SpanKind.CONSUMER, attributes=handled) as span:
            if number < FAILED:
                span.set_status(Status(StatusCode.ERROR))
        if number < SENT:
            sent = {
                "messaging.system": "kafka",
                "messaging.destination.name": "invoices.v1",
                "messaging.operation.type": "send",
            }
            with tracer.start_as_current_span("send invoices.v1", kind=SpanKind.PRODUCER, attributes=sent) as span:
                if number < REFUSED:
                    span.set_status(Status(StatusCode.ERROR))
    provider.shutdown()


@pytest.fixture(
    scope="module",
    params=[AS_SHIPPED, WITH_DIMENSIONS, WITHOUT_SUFFIXES],
    ids=["as-shipped", "with-dimensions", "without-suffixes"],
)
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    if lacking := collector_server.missing():
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("spanmetrics")
    with collector_server.collector(folder / "collector", *request.param) as running:
        jobs = [{"job_name": "collector", "static_configs": [{"targets": [f"127.0.0.1:{running.metrics_port}"]}]}]
        config = json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs})
        with prometheus_server.start(folder / "prometheus", config=config) as server:
            # The target is seen without any series first, so that the first value of each is an increment.
            server.wait_for("sum_over_time(up[30s]) >= 3")
            send_spans(running.otlp_port, 0, 80)
            send_spans(running.otlp_port, 80, HANDLED)
            server.wait_for(f'sum({{__name__=~".*calls(_total)?"}}) == {HANDLED + SENT}')
            time.sleep(2)
            arguments = (DOCUMENT, "--prometheus", server.url, "--at", time.time_ns() // 1_000_000_000, "--json")
            yield Seen(answer("status", *arguments), answer("map", *arguments))


def answer(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "observatory", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.stdout, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_every_handled_message_and_every_failure_is_counted(seen: Seen) -> None:
    assert seen.counts("onOrderPlaced") == (HANDLED - FAILED, HANDLED, "otel_spanmetrics")


def test_every_publish_and_every_refusal_is_counted(seen: Seen) -> None:
    assert seen.counts("sendInvoice") == (SENT - REFUSED, SENT, "otel_spanmetrics")


def test_counters_and_durations_are_live(seen: Seen) -> None:
    live = {
        (channel["address"], entry["signal"])
        for channel in seen.mapping["channels"]
        for entry in channel["signals"]
        if entry["state"] == "live" and entry["profile"] == "otel_spanmetrics"
    }
    assert live >= {
        ("orders.v1", "processed_messages"),
        ("orders.v1", "process_duration"),
        ("invoices.v1", "published_messages"),
        ("invoices.v1", "publish_duration"),
    }
