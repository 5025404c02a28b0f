"""An OpenTelemetry collector, built by `make live` from Go modules: spans become metrics, metrics become series."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration.kafka_server import CACHE
from integration.rabbitmq_server import free_port

COLLECTOR = CACHE / "bin" / "otelcol"


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
    folder.mkdir(parents=True)
    otlp, metrics = free_port(), free_port()
    config = folder / "config.json"
    config.write_text(
        json.dumps(
            {
                "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{otlp}"}}}},
                "connectors": {"spanmetrics": {"metrics_flush_interval": "1s", **connector}},
                "exporters": {"prometheus": {"endpoint": f"127.0.0.1:{metrics}", **exporter}},
                "service": {
                    "telemetry": {"metrics": {"level": "none"}},
                    "pipelines": {
                        "traces": {"receivers": ["otlp"], "exporters": ["spanmetrics"]},
                        "metrics": {"receivers": ["otlp", "spanmetrics"], "exporters": ["prometheus"]},
                    },
                },
            }
        )
    )
    with (folder / "collector.log").open("wb") as log:
        command = [str(COLLECTOR), f"--config=file:{config}"]
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            yield Collector(otlp, metrics)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
