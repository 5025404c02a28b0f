"""`status --json` over a migration as it is scraped: classic series, then both kinds, then native histograms.

A service answers in text or in protobuf, as the server that scrapes it asks. It counts ten events per scrape: three of
98 ms, two of 300 ms, three of 700 ms, two of 2 s.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import prometheus_server
import pytest
from engines import prometheus_3
from native_histogram_writer import _double, _zigzag
from observatory_process import observatory
from one_channel import BILLING
from xor_chunk_writer import message, varint

pytestmark = [pytest.mark.integration]
METRIC = "messaging_process_duration_seconds"
LABELS = {"messaging_destination_name": "orders.v1", "messaging_system": "kafka"}
BUCKETS = ((0.1, 3), (0.5, 5), (1.0, 8))
"""Bounds, and how many of ten events are at or under them."""
EVENTS = ((0.098, 3), (0.3, 2), (0.7, 3), (2.0, 2))
DOCUMENT = BILLING.replace("window: 3d", "window: 1h").replace(
    "{availability: 99%}",
    """
      - {sli: availability, target: 99%}
      - {sli: latency, threshold: 500ms, target: 99%, name: half}
      - {sli: latency, threshold: 100ms, target: 99%, name: tenth}""",
)


class Service:
    """A target with one histogram; each scrape counts ten events more until it rests."""

    def __init__(self) -> None:
        self.scrapes = 0
        self.resting = False
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.scrapes += not service.resting
                asked = "io.prometheus.client.MetricFamily" in self.headers.get("Accept", "")
                body = in_protobuf(service.scrapes) if asked else in_text(service.scrapes)
                kind = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
                self.send_response(200)
                self.send_header("Content-Type", kind if asked else "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def in_text(times: int) -> bytes:
    labels = ",".join(f'{name}="{value}"' for name, value in LABELS.items())
    lines = [f"# TYPE {METRIC} histogram"]
    lines += [
        f'{METRIC}_bucket{{{labels},le="{bound:g}"}} {count * times}' for bound, count in (*BUCKETS, (math.inf, 10))
    ]
    lines += [f"{METRIC}_sum{{{labels}}} {5 * times}", f"{METRIC}_count{{{labels}}} {10 * times}", ""]
    return "\n".join(lines).replace('le="inf"', 'le="+Inf"').encode()


def in_protobuf(times: int) -> bytes:
    """A MetricFamily with its classic buckets and, of schema 3, its native ones."""
    body = b"\x08" + varint(10 * times) + _double(2, 5.0 * times)
    body += b"".join(message(3, b"\x08" + varint(count * times) + _double(2, bound)) for bound, count in BUCKETS)
    body += b"\x28" + varint(_zigzag(3)) + _double(6, 2.0**-128)
    end = before = 0
    deltas = b""
    for value, count in EVENTS:
        place = math.ceil(math.log2(value) * 8)
        body += message(12, b"\x08" + varint(_zigzag(place - end)) + b"\x10\x01")
        deltas += varint(_zigzag(count * times - before))
        end, before = place + 1, count * times
    body += message(13, deltas)
    labels = b"".join(
        message(1, message(1, name.encode()) + message(2, text.encode())) for name, text in LABELS.items()
    )
    family = message(1, METRIC.encode()) + b"\x18\x04" + message(4, labels + message(7, body))
    return varint(len(family)) + family


@pytest.fixture
def service() -> Iterator[Service]:
    started = Service()
    yield started
    started.stop()


def config(port: int, *options: str) -> str:
    own = "".join(f"    {option}\n" for option in options)
    return (
        "global: {scrape_interval: 200ms}\nscrape_configs:\n"
        f"  - job_name: billing\n{own}    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
    )


def status(url: str, folder: Path) -> dict[str, dict[str, Any]]:
    document = folder / "billing.yaml"
    document.write_text(DOCUMENT)
    soon = (int(time.time()) // 60 + 1) * 60
    ended = observatory("status", document, "--prometheus", url, "--json", "--at", soon)
    assert ended.stdout, ended.stderr
    return {entry["name"] or entry["sli"]: entry for entry in json.loads(ended.stdout)["objectives"]}


def counted_whole(found: dict[str, dict[str, Any]], scrapes: int, *, least: int) -> None:
    """All that was counted since the first scrape, whose own value is history."""
    seen = scrapes - 1
    assert {name: (one["good"], one["total"]) for name, one in found.items() if name != "tenth"} == {
        "availability": (10.0 * seen, 10.0 * seen),
        "half": (5.0 * seen, 10.0 * seen),
    }
    assert found["tenth"]["total"] == 10.0 * seen
    assert 3.0 * least <= found["tenth"]["good"] < 3.0 * seen
    assert "threshold-between-buckets" in [problem["code"] for problem in found["tenth"]["problems"]]


def test_a_server_that_is_started_anew_with_native_histograms_goes_on(service: Service, tmp_path: Path) -> None:
    """Prometheus 2 scrapes native histograms instead of classic ones once it is told to."""
    folder = tmp_path / "prometheus"
    with prometheus_server.start(folder, config=config(service.port)) as before:
        before.wait_for(f"{METRIC}_count >= 50")
    flags = ["--enable-feature=native-histograms"]
    with prometheus_server.start(folder, config=config(service.port), flags=flags) as server:
        server.wait_for(f"histogram_count({METRIC}) > 100")
        service.resting = True
        server.wait_for(f"histogram_count({METRIC}) == {10 * service.scrapes}")
        found = status(server.url, tmp_path)

    counted_whole(found, service.scrapes, least=4)


def test_a_migration_by_configuration_counts_each_event_once(
    service: Service, tmp_path: Path, prometheus_server: Callable[..., prometheus_server.PrometheusServer]
) -> None:
    """Classic, then both, then native alone."""
    program = prometheus_3()
    if program is None:
        pytest.skip("Prometheus 3 is not run here: build it with .ci/prometheus-3")
    server = prometheus_server(program=program, config=config(service.port, "scrape_native_histograms: false"))
    server.wait_for(f"{METRIC}_count >= 50")
    native = "scrape_native_histograms: true"
    change(server, config(service.port, native, "always_scrape_classic_histograms: true"))
    server.wait_for(f"histogram_count({METRIC}) and {METRIC}_count")
    change(server, config(service.port, native))
    server.wait_for(f"histogram_count({METRIC}) > last_over_time({METRIC}_count[5m]) + 50")
    service.resting = True
    server.wait_for(f"histogram_count({METRIC}) == {10 * service.scrapes}")

    counted_whole(status(server.url, tmp_path), service.scrapes, least=4)


def change(server: prometheus_server.PrometheusServer, text: str) -> None:
    (server.folder / "prometheus.yml").write_text(text)
    server.reload()
