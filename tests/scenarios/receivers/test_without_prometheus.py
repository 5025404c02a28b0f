"""An estate without Prometheus: what is pushed to `serve` gives the status that a real Prometheus gives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import prometheus_server
import pytest
import requests
from engines import prometheus_3
from four_exporters import DOCUMENT, END_MS, series
from observatory_server import ObservatoryServer, serving, status
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource
from otlp_metric_writer import Request
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client import Counter as ScrapedCounter
from prometheus_client import Histogram as ScrapedHistogram
from write_request_writer import V1, V2, Series, compressed, write_request

from observatory.settings import PrometheusSettings
from observatory.sources.base import SeriesRequest
from observatory.sources.prometheus import PrometheusSource
from observatory.sources.store import Store
from observatory.telemetry.inventory import InventoryRequest
from observatory.windows import TimeRange

pytestmark = [pytest.mark.integration]
MINUTE = 60_000
COUNTS = ("good", "total", "state", "coverage", "profile", "counting")

SHOP = """\
asyncapi: 3.0.0
info: {title: Shop, version: 1.0.0, x-service-name: shop}
x-slo-defaults: {window: 1h}
channels:
  orders: {address: orders.v1}
operations:
  sendOrders:
    action: send
    channel: {$ref: '#/channels/orders'}
    x-slo: {availability: 99.9%}
  handleOrders:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-slo: {latency: {threshold: 500ms, target: 90%}}
"""


def written(folder: Path, text: str) -> Path:
    document = folder / "document.yaml"
    document.write_text(text, encoding="utf-8")
    return document


def counts(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {key: one[key] for key in COUNTS} for name, one in found.items()}


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_one_stream_by_remote_write_gives_the_counts_of_a_real_prometheus(tmp_path: Path, version: str) -> None:
    document = written(tmp_path, DOCUMENT)
    with prometheus_server.start(tmp_path / "prometheus") as server:
        server.write(series())
        expected = status(document, END_MS, "--prometheus", server.url)
    with serving(document, tmp_path / "store.duckdb") as receiver:
        for body in bodies(version):
            answer = requests.post(
                f"{receiver.url}/api/v1/write", compressed(body), headers=V1 if version == "1.0" else V2, timeout=60
            )
            assert answer.status_code == 204, answer.text

    found = status(document, END_MS, "--store", str(tmp_path / "store.duckdb"))

    assert counts(found) == counts(expected)
    assert {one["state"] for one in found.values()} >= {"meeting", "breached", "no_data"}


def bodies(version: str) -> Iterator[bytes]:
    """The samples of all series, an hour to a request and newest first, for order is irrelevant."""
    hours = sorted({t // 3_600_000 for _, times, _ in series() for t in times}, reverse=True)
    for hour in hours:
        part = []
        for labels, times, values in series():
            inside = [place for place, t in enumerate(times) if t // 3_600_000 == hour]
            if inside:
                part.append((labels, np.asarray(times)[inside], np.asarray(values, np.float64)[inside]))
        if version == "1.0":
            yield prometheus_server._write_request(part)
        else:
            yield write_request(
                Series(labels, [(int(t), float(v), 0) for t, v in zip(times, values, strict=True)])
                for labels, times, values in part
            )


def otlp_requests() -> Iterator[bytes]:
    """Two hours of a shop, once a minute: a publisher that fails now and then, a handler that is slow at times."""
    begun = END_MS - 150 * MINUTE
    request = Request(scope="shop.kafka")
    for minute in range(120):
        t_ms = END_MS - (119 - minute) * MINUTE - 7_000
        sent = 100 * (minute + 30)
        failed = max(0, minute - 80) // 10
        slow, fast = minute // 3, 40 * (minute + 1)
        where = {"messaging__destination__name": "orders.v1", "messaging__system": "kafka"}
        request.counter("messaging.client.sent.messages", begun, t_ms, sent, unit="{message}", **where)
        if failed:
            request.counter(
                "messaging.client.sent.messages", begun, t_ms, failed, unit="{message}", error__type="timeout", **where
            )
        request.histogram(
            "messaging.process.duration", begun, t_ms, [0.1, 0.5, 1.0], [fast, fast, slow, 0], unit="s",
            messaging__operation__type="process", **where,
        )  # fmt: skip
        if minute % 20 == 19:
            yield request.body()
            request = Request(scope="shop.kafka")


def test_one_stream_by_otlp_gives_the_counts_of_a_real_prometheus(tmp_path: Path) -> None:
    program = prometheus_3()
    if program is None:
        pytest.skip("Prometheus 3, which receives OTLP, is not run here: build it with .ci/prometheus-3")
    document = written(tmp_path, SHOP)
    headers = {"Content-Type": "application/x-protobuf"}
    with (
        prometheus_server.start(
            tmp_path / "prometheus", program=program, flags=["--web.enable-otlp-receiver"]
        ) as server,
        serving(document, tmp_path / "store.duckdb") as receiver,
    ):
        for body in otlp_requests():
            for url in (f"{server.url}/api/v1/otlp/v1/metrics", f"{receiver.url}/v1/metrics"):
                answer = requests.post(url, body, headers=headers, timeout=60)
                assert answer.status_code == 200, answer.text
        expected = status(document, END_MS, "--prometheus", server.url)
        names = PrometheusSource(PrometheusSettings(url=server.url)).metric_names(TimeRange(0, END_MS))

    found = status(document, END_MS, "--store", str(tmp_path / "store.duckdb"))

    assert counts(found) == counts(expected)
    assert (found["sendOrders/availability"]["good"], found["sendOrders/availability"]["total"]) == (6000.0, 6003.0)
    with Store.open(tmp_path / "store.duckdb") as store:
        # When counters began is kept beside them, where Prometheus has no place for it.
        mine = {name for name in store.metric_names(TimeRange(0, END_MS)) if not name.endswith("_created")}
    assert mine == names


class Exporter:
    """A living exporter, scraped by a real Prometheus."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        labels = ["messaging_destination_name", "messaging_system", "error_type"]
        self.sent = ScrapedCounter("messaging_client_sent_messages", "Sent.", labels, registry=registry)
        self.handled = ScrapedHistogram(
            "messaging_process_duration_seconds", "Handled.", labels, registry=registry, buckets=(0.1, 0.5, 1.0)
        )
        self.server, self.thread = start_http_server(0, "127.0.0.1", registry)

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def count(self, error: str = "", seconds: float = 0.3) -> None:
        self.sent.labels("orders.v1", "kafka", error).inc()
        self.handled.labels("orders.v1", "kafka", error).observe(seconds)


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    found = Exporter()
    yield found
    found.server.shutdown()
    found.thread.join()


SENDING = """\
global: {{scrape_interval: 500ms}}
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ['{target}']}}]
remote_write:
  - url: {url}/api/v1/write
    queue_config: {{batch_send_deadline: 200ms}}
    metadata_config: {{send_interval: 1s}}
{protocol}
"""
KEPT = 'observatory_received_points_total{protocol="remote_write",result="kept"}'
REJECTED = 'observatory_received_points_total{protocol="remote_write",result="rejected"}'
SENT = "messaging_client_sent_messages_total"


@pytest.mark.parametrize("sender", ["Prometheus of Debian, 1.0", "Prometheus 3, 2.0"])
def test_a_real_prometheus_writes_what_it_scrapes(tmp_path: Path, exporter: Exporter, sender: str) -> None:
    newer = sender.startswith("Prometheus 3")
    program = prometheus_3() if newer else prometheus_server.required("prometheus")
    if program is None:
        pytest.skip("Prometheus 3, which speaks remote-write 2.0, is not run here: build it with .ci/prometheus-3")
    document = written(tmp_path, SHOP)
    protocol = "    protobuf_message: io.prometheus.write.v2.Request" if newer else ""
    exporter.count()
    with serving(document, tmp_path / "store.duckdb") as receiver:
        config = SENDING.format(target=exporter.target, url=receiver.url, protocol=protocol)
        flags = ["--enable-feature=metadata-wal-records"] if newer else []
        with prometheus_server.start(tmp_path / "prometheus", config=config, program=program, flags=flags) as server:
            server.wait_for(SENT)
            for number in range(20):
                exporter.count("timeout" if number == 9 else "", seconds=0.7 if number < 3 else 0.3)
            server.wait_for(f'{SENT}{{error_type=""}} == 20')
            until_ms = int(time.time() * 1000)
            at_ms = -(-until_ms // MINUTE) * MINUTE
            scraped = rows(PrometheusSource(PrometheusSettings(url=server.url)), until_ms)
            expected = status(document, at_ms, "--prometheus", server.url)
            # It sends in order, so when two later scrapes have come all of these have.
            receiver.wait_for(KEPT, receiver.own_metric(KEPT) + 100)
        assert receiver.own_metric(REJECTED) == 0

    with Store.open(tmp_path / "store.duckdb") as store:
        assert rows(store, until_ms) == scraped
        told = store.inventory(InventoryRequest({}), TimeRange(0, at_ms)).metadata
    assert told[SENT if newer else SENT.removesuffix("_total")].type == "counter"
    found = status(document, at_ms, "--store", str(tmp_path / "store.duckdb"))
    assert counted(found) == counted(expected)
    every = {"sendOrders/availability": (20.0, 21.0), "handleOrders/latency": (18.0, 21.0)}
    assert counted(found) == {name: pytest.approx(one) for name, one in every.items()}


def rows(source: Store | PrometheusSource, until_ms: int) -> dict[frozenset[tuple[str, str]], list[tuple[int, float]]]:
    """All samples of the counters up to an instant, by labels."""
    found = source.samples(SeriesRequest(SENT, (), TimeRange(0, until_ms)))
    shown = {}
    for index in range(len(found)):
        labels, t_ms, values = found.series(index)
        shown[frozenset(labels.items())] = list(zip(t_ms.tolist(), values.tolist(), strict=True))
    assert shown
    return shown


def counted(found: dict[str, dict[str, Any]]) -> dict[str, tuple[float, float]]:
    return {name: (one["good"], one["total"]) for name, one in found.items()}


@pytest.mark.parametrize("exponential", [False, True], ids=["explicit", "exponential"])
@pytest.mark.parametrize("temporality", [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA])
def test_the_sdk_pushes_and_every_message_is_counted(
    tmp_path: Path, temporality: AggregationTemporality, exponential: bool
) -> None:
    document = written(tmp_path, SHOP)
    with serving(document, tmp_path / "store.duckdb") as receiver:
        provider = sdk(receiver, temporality, exponential)
        meter = provider.get_meter("shop.kafka")
        sent = meter.create_counter("messaging.client.sent.messages", unit="{message}")
        handled = meter.create_histogram("messaging.process.duration", unit="s")
        where = {"messaging.destination.name": "orders.v1", "messaging.system": "kafka"}
        for batch in range(4):
            for number in range(25):
                sent.add(1, where | ({"error.type": "timeout"} if (batch, number) == (2, 7) else {}))
                handled.record(0.8 if number < 2 + batch else 0.2, where | {"messaging.operation.type": "process"})
            assert provider.force_flush()
        provider.shutdown()
        assert receiver.own_metric('observatory_received_points_total{protocol="otlp",result="rejected"}') == 0
    at_ms = -(-int(time.time() * 1000) // MINUTE) * MINUTE

    found = status(document, at_ms, "--store", str(tmp_path / "store.duckdb"))

    assert counted(found) == {
        "sendOrders/availability": pytest.approx((99.0, 100.0)),
        "handleOrders/latency": pytest.approx((100.0 - 2 - 3 - 4 - 5, 100.0)),
    }


def sdk(receiver: ObservatoryServer, temporality: AggregationTemporality, exponential: bool) -> MeterProvider:
    """A meter provider that pushes when it is told to."""
    exporter = OTLPMetricExporter(
        endpoint=f"{receiver.url}/v1/metrics",
        preferred_temporality={Counter: temporality, Histogram: temporality},
        preferred_aggregation={
            Histogram: ExponentialBucketHistogramAggregation()
            if exponential
            else ExplicitBucketHistogramAggregation((0.1, 0.5, 1.0))
        },
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))
    resource = Resource({"service.name": "shop", "service.instance.id": "shop-1"})
    return MeterProvider([reader], resource=resource, shutdown_on_exit=False)
