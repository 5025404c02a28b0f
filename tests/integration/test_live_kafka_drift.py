"""A living Kafka whose documents describe it wrongly on purpose: by each exporter, drift finds exactly these faults.

Every exporter is alone on a Prometheus of its own. Where one is not there, the scenario on synthetic series says the
same. Undeclared producers no exporter of a broker shows: `test_live_kafka_five` has them by a client's own series.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import prometheus_server
import pytest
from engines import ENGINES_TITLE
from integration import kafka_server
from integration.kafka_exporters import EXPORTERS, alone
from integration.wrong_documents import Answer, drift, unowned
from observatory_process import observatory

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Payments, version: 1.0.0, x-service-name: payments, x-owner: {team: pay-core}}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
channels:
  orders:     # right
    address: orders.v1
    bindings: {kafka: {partitions: 3, replicas: 1}}
    messages: {one: {payload: {type: object}}}
  shipments:  # wrong: it has two partitions, and keeps messages for a week
    address: shipments.v1
    bindings: {kafka: {partitions: 6, replicas: 1, topicConfiguration: {retention.ms: 1000}}}
    messages: {one: {payload: {type: object}}}
  invoices:   # wrong: what runs is called invoices-created
    address: invoices.created
    messages: {one: {payload: {type: object}}}
  returns:    # wrong: there is no such topic
    address: returns.v1
    messages: {one: {payload: {type: object}}}
  audit:      # wrong: nothing is ever written to it
    address: audit.v1
    messages: {one: {payload: {type: object}}}
operations:
  onOrder:    # wrong: the group that reads is called somebody-else
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-consumer-group: payments-v1
  sendShipment: {action: send, channel: {$ref: '#/channels/shipments'}}
  onShipment:  # wrong: nobody reads it
    action: receive
    channel: {$ref: '#/channels/shipments'}
    x-consumer-group: parcels-v1
  sendInvoice: {action: send, channel: {$ref: '#/channels/invoices'}}
  sendReturn: {action: send, channel: {$ref: '#/channels/returns'}}
  sendAudit: {action: send, channel: {$ref: '#/channels/audit'}}
"""
TOPICS = {"orders.v1": 3, "shipments.v1": 2, "invoices-created": 1, "audit.v1": 1, "loose.ends": 1, "experiments": 1}
DERIVED = "orders.v1.dlq"
PART = 10
SHOWS_RETENTION = ("kminion", "otel_kafkametrics_receiver")
FAULTS = {
    ("misnamed", "kafka:invoices.created"),
    ("binding", "kafka:shipments.v1"),
    ("undeclared-channel", "experiments"),
    ("undeclared-consumer", "somebody-else on kafka:orders.v1"),
    ("silent-channel", "kafka:returns.v1"),
    ("silent-channel", "kafka:audit.v1"),
    ("silent-operation", "payments/onOrder"),
    ("silent-operation", "payments/onShipment"),
    ("owner-missing", "kafka:loose.ends"),
}


@dataclass(frozen=True)
class Told:
    """What the commands say where one exporter is alone, and the seconds between which messages were written."""

    profile: str
    answer: Answer
    mapping: dict[str, Any]
    wrote: tuple[float, float]


def live(bootstrap: str, servers: Mapping[str, prometheus_server.PrometheusServer]) -> tuple[float, float]:
    """Topics with traffic in two parts that scrapes lie between, and a group nobody declares; when it was written."""
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
    from kafka.admin import NewTopic

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, partitions, 1) for topic, partitions in {**TOPICS, DERIVED: 1}.items()])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    began = time.time()
    for part in (1, 2):
        for topic in (one for one in TOPICS if one != "audit.v1"):
            for _ in range(PART):
                producer.send(topic, b"{}", partition=0)
        producer.flush()
        for name, server in servers.items():
            server.wait_for(f"{EXPORTERS[name].position('experiments')} == {part * PART}", seconds=90)
    consumer = KafkaConsumer(
        "orders.v1",
        bootstrap_servers=bootstrap,
        group_id="somebody-else",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    deadline = time.monotonic() + 60
    count = 0
    while count < 2 * PART and time.monotonic() < deadline:
        count += sum(map(len, consumer.poll(500).values()))
    consumer.commit()
    for name, server in servers.items():
        server.wait_for(EXPORTERS[name].group("somebody-else"), seconds=90)
    consumer.close()
    producer.close()
    return began, time.time()


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Told]]:
    """What was said, by profile, of those exporters that are here; no broker where none of them is."""
    if lacking := kafka_server.missing_broker():
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("kafka-drift")
    with alone(folder) as (bootstrap, servers):
        wrote = live(bootstrap, servers) if servers else (0.0, 0.0)
        documents = {"payments.yaml": DOCUMENT, "loose.json": unowned("kafka")}
        at_ms = time.time_ns() // 1_000_000
        told = {}
        for name, server in servers.items():
            answer = drift(folder / f"documents-{name}", documents, server.url, at_ms)
            asked = (folder / f"documents-{name}", "--prometheus", server.url, "--at", at_ms / 1000, "--json")
            told[name] = Told(name, answer, json.loads(observatory("map", *asked).stdout), wrote)
        yield told


@pytest.fixture(scope="module", params=list(EXPORTERS))
def told(request: pytest.FixtureRequest, estate: dict[str, Told]) -> Told:
    if lacking := EXPORTERS[request.param].missing():
        pytest.skip(lacking)
    return estate[request.param]


def test_every_fault_of_the_documents_is_found_and_no_other(
    told: Told, record_property: Callable[[str, object], None]
) -> None:
    found = [(one["kind"], one["subject"]) for one in told.answer["findings"]]

    # Retention is a second value of the same binding that differs, where the exporter shows it.
    again = [("binding", "kafka:shipments.v1")] * (told.profile in SHOWS_RETENTION)
    assert sorted(found) == sorted([*FAULTS, *again])
    record_property(ENGINES_TITLE, f"ran: drift of a living Kafka {kafka_server.VERSION} by {told.profile}")


def test_the_number_of_partitions_is_read_from_the_broker(told: Told) -> None:
    values = [one["binding"] for one in told.answer["findings"] if one["kind"] == "binding"]

    assert {"key": "kafka.partitions", "declared": "6", "observed": "2"} in values


def test_retention_is_compared_where_it_is_shown_and_told_with_those_that_would_where_it_is_not(told: Told) -> None:
    key, week_ms = "kafka.topicConfiguration.retention.ms", 7 * 86_400_000
    values = [one["binding"] for one in told.answer["findings"] if one["kind"] == "binding"]

    if told.profile in SHOWS_RETENTION:
        assert {"key": key, "declared": "1000", "observed": str(week_ms)} in values
        assert told.answer["not_compared"] == []
    else:
        (one,) = told.answer["not_compared"]
        assert (one["key"], one["places"]) == (key, 1)
        assert one["reason"].startswith("kminion (name the setting in minion.topics.infoMetric.configKeys)")


def test_a_topic_that_nobody_declares_comes_with_its_messages_and_when_they_were_seen(told: Told) -> None:
    (seen,) = [one["observed"] for one in told.answer["findings"] if one["kind"] == "undeclared-channel"]

    # What was written before the exporter first saw the topic is before its first sample.
    assert PART <= seen["messages"] <= 2 * PART
    first, last = (datetime.fromisoformat(seen[key]).timestamp() for key in ("first_seen", "last_seen"))
    began, ended = told.wrote
    assert began - 5 <= first < last <= ended + 5


def test_topics_of_the_broker_and_dead_letters_are_left_aside(told: Told) -> None:
    aside = {one["name"]: one["reason"] for one in told.answer["set_aside"]}

    assert aside[DERIVED] == "dead letters of kafka:orders.v1"
    assert all(name == DERIVED or name.startswith("__") for name in aside)


def test_the_map_takes_the_exporter_for_what_it_is(told: Told) -> None:
    (orders,) = [one for one in told.mapping["channels"] if one["address"] == "orders.v1"]
    live = {one["signal"]: one["profile"] for one in orders["signals"] if one["state"] == "live"}

    assert set(live.values()) == {told.profile}
    assert {"produced_offset", "oldest_offset", "enqueued_messages"} <= set(live)
