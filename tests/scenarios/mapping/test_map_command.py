"""`observatory map` on a real Prometheus: what is live, what is missing and why, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_server
import pytest
from observatory_process import observatory

AT = 1_790_000_000
DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Billing, version: 1.0.0, x-service-name: billing}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
  rabbit: {host: 'rabbit.example:5672', protocol: amqp}
channels:
  orders:
    address: orders.v1
    servers: [{$ref: '#/servers/kafka'}]
    messages: {order: {payload: {type: object}}}
  refunds:
    address: refunds
    servers: [{$ref: '#/servers/rabbit'}]
    bindings: {amqp: {is: queue, queue: {name: 'refunds "v2" (eu|us).*'}}}
    messages: {refund: {payload: {type: object}}}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    bindings: {kafka: {groupId: {type: string, const: billing}}}
    x-slo: {availability: 99%, lag: {threshold: 60s, target: 99%}}
  onRefund:
    action: receive
    channel: {$ref: '#/channels/refunds'}
    x-slo: {lag: {threshold: 100 messages, target: 99%}}
"""
QUEUE = 'refunds "v2" (eu|us).*'
SERIES: list[dict[str, str]] = [
    *(
        {"__name__": "kafka_topic_partition_current_offset", "topic": topic, "partition": "0"}
        for topic in ("orders.v1", "orders.v1.DLT")
    ),
    *(
        {"__name__": name, "topic": "orders.v1", "partition": "0", "consumergroup": group}
        for name in ("kafka_consumergroup_current_offset", "kafka_consumergroup_lag")
        for group in ("billing", "mail")
    ),
    {"__name__": "rabbitmq_queue_messages", "queue": QUEUE, "vhost": "/"},
    {"__name__": "rabbitmq_detailed_queue_messages", "queue": QUEUE, "vhost": "/"},
    {"__name__": "rabbitmq_queue_messages", "queue": "other", "vhost": "/"},
    {"__name__": "unrelated_total", "topic": "orders.v1"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("map")
    (path / "billing.yaml").write_text(DOCUMENT)
    return path


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    times = [AT * 1000 - 120_000, AT * 1000 - 60_000]
    with prometheus_server.start(folder / "prometheus") as server:
        server.write([(labels, times, [1.0, 2.0]) for labels in SERIES])
        yield server.url


@pytest.fixture(scope="module")
def answer(folder: Path, url: str) -> dict[str, Any]:
    ended = observatory("map", folder / "billing.yaml", "--prometheus", url, "--at", AT, "--json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)  # type: ignore[no-any-return]


def signal(answer: dict[str, Any], name: str, subject: str) -> dict[str, Any]:
    (found,) = [
        entry
        for channel in answer["channels"]
        for entry in channel["signals"]
        if (entry["signal"], entry["subject"]) == (name, subject)
    ]
    return found


def test_the_answer_says_which_exporters_were_seen(answer: dict[str, Any]) -> None:
    assert answer["schema"] == "observatory.map/1"
    assert [(seen["profile"], seen["variants"]) for seen in answer["profiles"]] == [
        ("rabbitmq", ["per-object", "detailed"]),
        ("kafka_exporter", []),
    ]


def test_a_live_signal_names_its_series(answer: dict[str, Any]) -> None:
    lag = signal(answer, "consumer_lag", "billing/onOrder")

    assert (lag["state"], lag["profile"], lag["source"], lag["count"]) == ("live", "kafka_exporter", "metrics", 1)
    assert lag["series"] == ['kafka_consumergroup_lag{topic="orders.v1",consumergroup="billing"}']


def test_a_name_with_quotes_bars_and_stars_is_found_exactly(answer: dict[str, Any]) -> None:
    depth = signal(answer, "consumer_lag", "billing/onRefund")

    assert depth["series"] == ['rabbitmq_queue_messages{queue="refunds \\"v2\\" (eu|us).*"}']
    assert (depth["state"], depth["count"]) == ("live", 1)
    assert [other["series"] for other in depth["alternatives"]] == [
        ['rabbitmq_detailed_queue_messages{queue="refunds \\"v2\\" (eu|us).*"}']
    ]


def test_a_dead_letter_topic_with_a_usual_name_is_found(answer: dict[str, Any]) -> None:
    dead = signal(answer, "dead_lettered_messages", "billing/onOrder")

    assert dead["series"] == ['kafka_topic_partition_current_offset{topic="orders.v1.DLT"}']


def test_what_is_not_observable_says_what_to_switch_on(answer: dict[str, Any]) -> None:
    processed = signal(answer, "processed_messages", "billing/onOrder")

    assert (processed["state"], processed["code"], processed["series"]) == ("unmapped", "not-provided", [])
    assert "emit messaging.process.duration from the consumer" in processed["reason"]


def test_objectives_say_whether_they_can_be_measured(answer: dict[str, Any]) -> None:
    states = {entry["id"]: entry["state"] for entry in answer["objectives"]}

    assert states["billing/onOrder/lag"] == "live"
    assert states["billing/onRefund/lag"] == "live"


def test_the_table_shows_signal_state_series_and_reason(folder: Path, url: str) -> None:
    ended = observatory("map", folder / "billing.yaml", "--prometheus", url, "--at", AT)

    (row,) = [line.split() for line in ended.stdout.splitlines() if line.split()[:1] == ["committed_offset"]]
    assert row[1] == "live"
    assert row[2].startswith('kafka_consumergroup_current_offset{topic="orders.v1"')
    assert "not observable: " in ended.stdout
    assert "objectives can be measured" in ended.stdout


def test_one_channel_is_explained_signal_by_signal(folder: Path, url: str) -> None:
    ended = observatory("map", folder / "billing.yaml", "--prometheus", url, "--at", AT, "--channel", "orders.v1")

    assert "kafka:orders.v1" in ended.stdout
    assert "refunds" not in ended.stdout
    assert "not observable:" not in ended.stdout
    assert "only the client knows" in " ".join(ended.stdout.split())


def test_a_gate_fails_when_nothing_live_measures_an_objective(folder: Path, url: str) -> None:
    elsewhere = folder / "elsewhere.yaml"
    elsewhere.write_text(DOCUMENT.replace("orders.v1", "orders.v9").replace("Billing", "Elsewhere"))

    ended = observatory("map", elsewhere, "--prometheus", url, "--at", AT, "--fail-on", "missing")

    assert ended.returncode == 1
    assert "nothing live measures 2 of 3 objectives" in ended.stderr


def test_without_a_source_it_shows_what_would_be_looked_for(folder: Path) -> None:
    ended = observatory("map", folder / "billing.yaml", "--json")

    lag = signal(json.loads(ended.stdout), "consumer_lag", "billing/onOrder")
    assert (ended.returncode, lag["state"], lag["code"]) == (0, "unknown", "no-source")
    assert lag["series"] == ['kafka_consumergroup_lag{topic="orders.v1",consumergroup="billing"}']


def test_an_unknown_channel_is_a_usage_error(folder: Path) -> None:
    ended = observatory("map", folder / "billing.yaml", "--channel", "ordres.v1")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "no channel is called 'ordres.v1'" in ended.stderr


def test_a_server_that_is_not_there_is_a_failed_source(folder: Path) -> None:
    port = prometheus_server.free_port()

    ended = observatory("map", folder / "billing.yaml", "--prometheus", f"http://127.0.0.1:{port}", "--json")

    assert (ended.returncode, ended.stdout) == (4, "")
    assert "Traceback" not in ended.stderr
