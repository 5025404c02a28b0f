"""An OpenTelemetry collector, built by `make live` from Go modules: spans become metrics, metrics become series.

It holds the receiver of Kafka's offsets and groups too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration.kafka_server import CACHE, running
from integration.rabbitmq_server import free_port

VERSION = "0.165.0"
COLLECTOR = CACHE / "bin" / f"otelcol-{VERSION}"
OF_TOPICS = (
    "kafka.topic.replication_factor",
    "kafka.topic.log_retention_period",
    "kafka.topic.log_retention_size",
    "kafka.topic.min_insync_replicas",
)
"""Metrics of its Kafka receiver that are off unless they are asked for."""


@dataclass(frozen=True)
class Collector:
    """Where a running collector takes spans and metrics by OTLP over HTTP, and where it shows its series."""

    otlp_port: int
    metrics_port: int


def missing() -> str | None:
    """What this machine lacks, None when all is there."""
    return (
        None if COLLECTOR.is_file() else "not run here: `make live` builds the collector where Go modules are reached"
    )


@contextmanager
def collector(folder: Path, connector: Mapping[str, Any], exporter: Mapping[str, Any]) -> Iterator[Collector]:
    """Start a collector that turns spans into metrics once a second, and stop it by its pid.

    Args:
        connector, exporter: Settings of the connector and of the Prometheus exporter, as a user writes them.
    """
    otlp, metrics = free_port(), free_port()
    settings = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{otlp}"}}}},
        "connectors": {"spanmetrics": {"metrics_flush_interval": "1s", **connector}},
        "exporters": {"prometheus": {"endpoint": f"127.0.0.1:{metrics}", **exporter}},
    }
    pipelines = {
        "traces": {"receivers": ["otlp"], "exporters": ["spanmetrics"]},
        "metrics": {"receivers": ["otlp", "spanmetrics"], "exporters": ["prometheus"]},
    }
    with _collecting(folder, settings, pipelines):
        yield Collector(otlp, metrics)


@contextmanager
def kafka_metrics(folder: Path, bootstrap: str, exporter: Mapping[str, Any]) -> Iterator[int]:
    """Start a collector that asks a Kafka broker once a second; the port where it shows its series.

    Args:
        exporter: Settings of the Prometheus exporter.
    """
    metrics = free_port()
    settings = {
        "receivers": {
            "kafka_metrics": {
                "brokers": [bootstrap],
                "collection_interval": "1s",
                "scrapers": ["topics", "consumers"],
                "metrics": {name: {"enabled": True} for name in OF_TOPICS},
            }
        },
        "exporters": {"prometheus": {"endpoint": f"127.0.0.1:{metrics}", **exporter}},
    }
    pipelines = {"metrics": {"receivers": ["kafka_metrics"], "exporters": ["prometheus"]}}
    with _collecting(folder, settings, pipelines):
        yield metrics


@contextmanager
def _collecting(folder: Path, settings: Mapping[str, Any], pipelines: Mapping[str, Any]) -> Iterator[None]:
    folder.mkdir(parents=True)
    config = folder / "config.json"
    service = {"telemetry": {"metrics": {"level": "none"}}, "pipelines": pipelines}
    config.write_text(json.dumps({**settings, "service": service}))
    with running([str(COLLECTOR), f"--config=file:{config}"], folder / "collector.log"):
        yield
