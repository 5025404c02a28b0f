"""OpenTelemetry messaging metrics through a living collector, with unit suffixes in the series' names and without."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_server
import pytest
from integration import collector_server
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

DOCUMENT = Path(__file__).parent / "spanmetrics" / "billing.yaml"
HANDLED, FAILED, SENT, REFUSED = 200, 5, 120, 2

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def send_metrics(port: int) -> None:
    """What an instrumented service pushes after it has handled its messages."""
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(endpoint=f"http://127.0.0.1:{port}/v1/metrics"), export_interval_millis=60_000
    )
    provider = MeterProvider(resource=Resource.create({"service.name": "billing"}), metric_readers=[reader])
    meter = provider.get_meter("billing")
    sent = meter.create_counter("messaging.client.sent.messages", unit="{message}")
    handling = meter.create_histogram("messaging.process.duration", unit="s")
    orders = {
        "messaging.system": "kafka",
        "messaging.destination.name": "orders.v1",
        "messaging.consumer.group.name": "billing-v1",
        "messaging.operation.name": "process",
    }
    invoices = {
        "messaging.system": "kafka",
        "messaging.destination.name": "invoices.v1",
        "messaging.operation.name": "send",
    }
    for number in range(HANDLED):
        handling.record(0.02, orders | ({"error.type": "Timeout"} if number < FAILED else {}))
    sent.add(SENT - REFUSED, invoices)
    sent.add(REFUSED, invoices | {"error.type": "Refused"})
    provider.shutdown()


@pytest.fixture(
    scope="module",
    params=["UnderscoreEscapingWithSuffixes", "UnderscoreEscapingWithoutSuffixes"],
    ids=["with-suffixes", "without-suffixes"],
)
def status(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    if lacking := collector_server.missing():
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("semconv")
    exporter = {"translation_strategy": request.param, "resource_to_telemetry_conversion": {"enabled": True}}
    with collector_server.collector(folder / "collector", {}, exporter) as running:
        jobs = [{"job_name": "collector", "static_configs": [{"targets": [f"127.0.0.1:{running.metrics_port}"]}]}]
        config = json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs})
        with prometheus_server.start(folder / "prometheus", config=config) as server:
            # The target is seen without any series first, so that the first value of each is an increment.
            server.wait_for("sum_over_time(up[30s]) >= 3")
            send_metrics(running.otlp_port)
            server.wait_for(f'sum({{__name__=~"messaging.process.duration(_seconds)?_count"}}) == {HANDLED}')
            time.sleep(2)
            at = time.time_ns() // 1_000_000_000
            command = [sys.executable, "-m", "observatory", "status", str(DOCUMENT)]
            command += ["--prometheus", server.url, "--at", str(at), "--json"]
            ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
            assert ended.stdout, ended.stderr
            yield json.loads(ended.stdout)


def counts(status: dict[str, Any], operation: str) -> tuple[float, float, str]:
    (found,) = [one for one in status["objectives"] if one["operation"] == operation]
    return found["good"], found["total"], found["profile"]


def test_every_handled_message_and_every_failure_is_counted(status: dict[str, Any]) -> None:
    assert counts(status, "onOrderPlaced") == (HANDLED - FAILED, HANDLED, "otel_semconv_messaging")


def test_every_publish_and_every_refusal_is_counted(status: dict[str, Any]) -> None:
    assert counts(status, "sendInvoice") == (SENT - REFUSED, SENT, "otel_semconv_messaging")
