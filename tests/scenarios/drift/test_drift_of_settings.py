"""`observatory drift` on settings that bindings declare: retention, cleanup, replicas, durable queues, and what no
telemetry can show."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import numpy as np
import prometheus_server
import pytest
from observatory_process import observatory

AT = 1_790_000_000
WEEK_MS = 604_800_000
DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Shop, version: 1.0.0, x-service-name: shop, x-owner: {team: shop}}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
  rabbit: {host: 'rabbit.example:5672', protocol: amqp}
  mqtt: {host: 'mqtt.example:1883', protocol: mqtt}
channels:
  right:
    address: right.v1
    servers: [{$ref: '#/servers/kafka'}]
    bindings:
      kafka:
        {partitions: 2, replicas: 3, topicConfiguration: {retention.ms: 604800000, cleanup.policy: [compact, delete]}}
  wrong:
    address: wrong.v1
    servers: [{$ref: '#/servers/kafka'}]
    bindings:
      kafka: {partitions: 6, replicas: 3, topicConfiguration: {retention.ms: 604800000, cleanup.policy: [compact]}}
  unsaid:
    address: unsaid.v1
    servers: [{$ref: '#/servers/kafka'}]
    bindings: {kafka: {topicConfiguration: {retention.ms: 1000, max.message.bytes: 5}}}
  whole:
    address: whole.v1
    servers: [{$ref: '#/servers/kafka'}]
    bindings: {kafka: {replicas: 3, topicConfiguration: {retention.ms: 90000500}}}
  short:
    address: short.v1
    servers: [{$ref: '#/servers/kafka'}]
    bindings: {kafka: {replicas: 3, topicConfiguration: {retention.ms: 90000500, retention.bytes: 1000}}}
  both:
    address: both.v1
    servers: [{$ref: '#/servers/kafka'}]
    bindings: {kafka: {partitions: 2}}
  one:
    address: one.v1
    servers: [{$ref: '#/servers/kafka'}]
    x-telemetry: {labels: {cluster: eu}}
    bindings: {kafka: {partitions: 2, topicConfiguration: {retention.bytes: 1000}}}
  billing:
    address: billing
    servers: [{$ref: '#/servers/rabbit'}]
    bindings: {amqp: {is: queue, queue: {name: billing, durable: true, exclusive: false}}}
  temperature:
    address: site/1/temperature
    servers: [{$ref: '#/servers/mqtt'}]
operations:
  onRight: {action: receive, channel: {$ref: '#/channels/right'}}
  onWrong: {action: receive, channel: {$ref: '#/channels/wrong'}}
  onUnsaid: {action: receive, channel: {$ref: '#/channels/unsaid'}}
  onWhole: {action: receive, channel: {$ref: '#/channels/whole'}}
  onShort: {action: receive, channel: {$ref: '#/channels/short'}}
  onBoth: {action: receive, channel: {$ref: '#/channels/both'}}
  onOne: {action: receive, channel: {$ref: '#/channels/one'}}
  onBilling: {action: receive, channel: {$ref: '#/channels/billing'}}
  onTemperature:
    action: receive
    channel: {$ref: '#/channels/temperature'}
    bindings: {mqtt: {qos: 1}}
"""


def info(topic: str, partitions: int, **settings: str) -> dict[str, str]:
    return {
        "__name__": "kminion_kafka_topic_info",
        "topic_name": topic,
        "partition_count": str(partitions),
        "replication_factor": "3",
        **settings,
    }


def series() -> Iterator[prometheus_server.Series]:
    t_ms = np.arange((AT - 3600) * 1000, AT * 1000 + 1, 60_000)
    shown: list[tuple[dict[str, str], float]] = [
        (info("right.v1", 2, retention_ms=str(WEEK_MS), cleanup_policy="delete,compact"), 1.0),
        (info("wrong.v1", 3, retention_ms="86400000", cleanup_policy="delete"), 1.0),
        (info("unsaid.v1", 1, retention_ms="N/A", cleanup_policy="nil"), 1.0),
        (info("both.v1", 2, cluster="eu"), 1.0),
        (info("both.v1", 4, cluster="us"), 1.0),
        (info("one.v1", 2, cluster="eu"), 1.0),
        (info("one.v1", 4, cluster="us"), 1.0),
        ({"__name__": "kafka_topic_log_retention_size_bytes", "topic": "one.v1", "cluster": "eu"}, 1_000.0),
        ({"__name__": "kafka_topic_log_retention_size_bytes", "topic": "one.v1", "cluster": "us"}, 5_000.0),
        ({"__name__": "kafka_topic_log_retention_period_seconds", "topic": "whole.v1"}, 90_000.0),
        ({"__name__": "kafka_topic_replication_factor_ratio", "topic": "whole.v1"}, 3.0),
        ({"__name__": "kafka_topic_log_retention_period_seconds", "topic": "short.v1"}, 3_600.0),
        ({"__name__": "kafka_topic_log_retention_size_bytes", "topic": "short.v1"}, 2_000.0),
        ({"__name__": "kafka_topic_replication_factor", "topic": "short.v1"}, 1.0),
        (
            {
                "__name__": "rabbitmq_queue_messages_published_total",
                "queue": "billing",
                "vhost": "/",
                "durable": "false",
                "cluster": "rabbit@a",
            },
            7.0,
        ),
    ]
    for labels, value in shown:
        yield labels, t_ms, np.full(len(t_ms), value)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "shop.yaml").write_text(DOCUMENT)
    with prometheus_server.start(tmp_path_factory.mktemp("server")) as server:
        server.write(series())

        def drift(*arguments: str) -> subprocess.CompletedProcess[str]:
            return observatory("drift", folder, "--prometheus", server.url, "--at", AT, *arguments)

        yield drift


@pytest.fixture(scope="module")
def answer(run: Any) -> dict[str, Any]:
    done = run("--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def mismatches(answer: dict[str, Any]) -> dict[tuple[str, str], tuple[str, str]]:
    return {
        (one["subject"], one["binding"]["key"]): (one["binding"]["declared"], one["binding"]["observed"])
        for one in answer["findings"]
        if one["kind"] == "binding"
    }


def test_every_setting_that_differs_is_found_and_no_other(answer: dict[str, Any]) -> None:
    assert mismatches(answer) == {
        ("kafka:wrong.v1", "kafka.partitions"): ("6", "3"),
        ("kafka:wrong.v1", "kafka.topicConfiguration.retention.ms"): ("604800000", "86400000"),
        ("kafka:wrong.v1", "kafka.topicConfiguration.cleanup.policy"): ("compact", "delete"),
        ("kafka:short.v1", "kafka.topicConfiguration.retention.ms"): ("90000500", "3600000"),
        ("kafka:short.v1", "kafka.topicConfiguration.retention.bytes"): ("1000", "2000"),
        ("kafka:short.v1", "kafka.replicas"): ("3", "1"),
        ("amqp:billing", "amqp.queue.durable"): ("true", "false"),
        ("kafka:both.v1", "kafka.partitions"): ("2", "2, 4"),
    }


def test_a_name_that_two_clusters_use_is_told_apart_by_a_label_and_the_finding_says_so(answer: dict[str, Any]) -> None:
    (found,) = [one for one in answer["findings"] if one["subject"] == "kafka:both.v1" and one["kind"] == "binding"]

    assert found["message"] == "kafka.partitions is declared as 2, and 2 and 4 run"
    assert "x-telemetry: {labels: {cluster: ...}}" in found["hint"]
    assert not [key for subject, key in mismatches(answer) if subject == "kafka:one.v1"]


def test_a_retention_that_the_exporter_cuts_to_seconds_is_the_declared_one(answer: dict[str, Any]) -> None:
    assert ("kafka:whole.v1", "kafka.topicConfiguration.retention.ms") not in mismatches(answer)


def test_a_setting_that_the_exporter_does_not_know_is_not_compared_and_who_would_show_it_is_said(
    answer: dict[str, Any],
) -> None:
    unshown = {one["key"]: (one["places"], one["reason"]) for one in answer["not_compared"]}

    assert unshown["kafka.topicConfiguration.retention.ms"] == (
        1,
        (
            "kminion (name the setting in minion.topics.infoMetric.configKeys), "
            "otel_kafkametrics_receiver (enable kafka.topic.log_retention_period) would show it"
        ),
    )


def test_quality_of_service_is_not_observable_and_why(answer: dict[str, Any], run: Any) -> None:
    unshown = {one["key"]: (one["places"], one["reason"]) for one in answer["not_compared"]}
    why = (
        "not observable: every publish and subscription has its own level, and brokers count levels "
        "of all topics at once, if at all"
    )

    assert unshown["mqtt.qos"] == (1, why)
    assert f"declared in 1 place and not compared: mqtt.qos ({why})" in run().stdout


def test_what_no_exporter_shows_of_a_queue_has_its_reason_too(answer: dict[str, Any]) -> None:
    unshown = {one["key"]: one["reason"] for one in answer["not_compared"]}

    assert unshown["amqp.queue.exclusive"] == (
        "not observable: the broker's metrics name a queue and not its arguments"
    )
    assert set(unshown) == {
        "amqp.queue.exclusive",
        "kafka.topicConfiguration.max.message.bytes",
        "kafka.topicConfiguration.retention.ms",
        "mqtt.qos",
    }
