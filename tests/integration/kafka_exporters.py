"""Exporters of one Kafka: three that ask a broker, and two ways in which a broker shows its own metrics.

kafka_exporter and KMinion are taken from the path. The collector, the JMX exporter and the reporter are brought by
`make live`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from integration import collector_server
from integration.kafka_server import CACHE, broker, free_port, running
from integration.wrong_documents import job, scraping
from prometheus_server import PrometheusServer

AGENT = CACHE / "kafka-jmx-1.0.1" / "jmx_prometheus_javaagent.jar"
REPORTER = CACHE / "kafka-reporter-0.2.0"
RULES = Path(__file__).parent / "kafka" / "jmx-rules.yaml"
SHOWN = ("cleanup.policy", "retention.ms", "retention.bytes", "min.insync.replicas", "max.message.bytes")
"""Settings of topics that KMinion is told to show."""


Way = Literal["jmx", "reporter"]


@dataclass(frozen=True)
class Exporter:
    """A program that asks a broker, with the names by which tests know that it has seen something.

    Attributes:
        missing: What this machine lacks for it, None when all is there.
        start: Starts it on a broker, with a folder of its own; the port where it shows its series.
        position: Selector of the end of a topic's partition 0, but for the topic.
        group: Metric and label by which a consumer group is known.
    """

    missing: Callable[[], str | None]
    start: Callable[[str, Path], AbstractContextManager[int]]
    position: Callable[[str], str]
    group: Callable[[str], str]


@contextmanager
def kafka_exporter(bootstrap: str, folder: Path) -> Iterator[int]:
    """kafka_exporter that looks for new topics every second."""
    folder.mkdir(parents=True)
    port = free_port()
    command = ["kafka_exporter", f"--kafka.server={bootstrap}", f"--web.listen-address=127.0.0.1:{port}"]
    with running([*command, "--refresh.metadata=1s"], folder / "exporter.log"):
        yield port


@contextmanager
def kminion(bootstrap: str, folder: Path) -> Iterator[int]:
    """KMinion that shows settings of topics too."""
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "kminion.yaml"
    config.write_text(
        json.dumps(
            {
                "kafka": {"brokers": [bootstrap]},
                "exporter": {"host": "127.0.0.1", "port": port},
                "minion": {"topics": {"infoMetric": {"configKeys": list(SHOWN)}}},
            }
        )
    )
    with running(["kminion"], folder / "kminion.log", {"CONFIG_FILEPATH": str(config)}):
        yield port


@contextmanager
def kafkametrics(bootstrap: str, folder: Path) -> Iterator[int]:
    """The collector's receiver, with the names that the Prometheus exporter gives."""
    with collector_server.kafka_metrics(folder, bootstrap, {}) as port:
        yield port


def _on_path(program: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(program) else f"not run here: there is no {program}"


EXPORTERS: Mapping[str, Exporter] = {
    "kafka_exporter": Exporter(
        _on_path("kafka_exporter"),
        kafka_exporter,
        lambda topic: f'kafka_topic_partition_current_offset{{topic="{topic}",partition="0"}}',
        lambda group: f'kafka_consumergroup_current_offset{{consumergroup="{group}"}}',
    ),
    "kminion": Exporter(
        _on_path("kminion"),
        kminion,
        lambda topic: f'kminion_kafka_topic_partition_high_water_mark{{topic_name="{topic}",partition_id="0"}}',
        lambda group: f'kminion_kafka_consumer_group_topic_offset_sum{{group_id="{group}"}}',
    ),
    "otel_kafkametrics_receiver": Exporter(
        collector_server.missing,
        kafkametrics,
        lambda topic: f'kafka_partition_current_offset_ratio{{topic="{topic}",partition="0"}}',
        lambda group: f'kafka_consumer_group_offset_ratio{{group="{group}"}}',
    ),
}
"""By profile."""


@contextmanager
def alone(folder: Path) -> Iterator[tuple[str, dict[str, PrometheusServer]]]:
    """A broker and those exporters that are here, each scraped by a Prometheus of its own; no broker for none."""
    here = {name: one for name, one in EXPORTERS.items() if one.missing() is None}
    with ExitStack() as stack:
        bootstrap = stack.enter_context(broker(folder / "broker")) if here else ""
        servers = {}
        for name, one in here.items():
            port = stack.enter_context(one.start(bootstrap, folder / name))
            servers[name] = stack.enter_context(scraping(folder / f"prometheus-{name}", job(name, port)))
        yield bootstrap, servers


def missing_own(way: Way) -> str | None:
    """What this machine lacks for a broker that shows its own metrics, None when all is there."""
    here = AGENT.is_file() if way == "jmx" else REPORTER.is_dir()
    return None if here else "not run here: `make live` brings what shows a broker's own metrics"


@contextmanager
def measured_broker(folder: Path, way: Way) -> Iterator[tuple[str, int]]:
    """A broker that shows its own metrics; where clients find it, and the port of its series.

    Args:
        way: By the JMX exporter as its agent, or by Strimzi's reporter. Both in one process get into each other's way.
    """
    port = free_port()
    if way == "jmx":
        with broker(folder, options=[f"-javaagent:{AGENT}=127.0.0.1:{port}:{RULES}"]) as bootstrap:
            yield bootstrap, port
        return
    settings = {
        "metric.reporters": "io.strimzi.kafka.metrics.KafkaPrometheusMetricsReporter",
        "kafka.metrics.reporters": "io.strimzi.kafka.metrics.YammerPrometheusMetricsReporter",
        "prometheus.metrics.reporter.listener.enable": "true",
        "prometheus.metrics.reporter.listener": f"http://127.0.0.1:{port}",
        "prometheus.metrics.reporter.allowlist": "kafka_server_brokertopic.*,kafka_log_log.*,kafka_network.*idle.*",
    }
    with broker(folder, classes=[REPORTER], settings=settings) as bootstrap:
        yield bootstrap, port
