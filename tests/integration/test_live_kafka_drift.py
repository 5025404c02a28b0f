"""A living Kafka whose documents describe it wrongly on purpose: drift finds exactly these faults.

The exporter's series come from the broker; where it is not there, the scenario on synthetic series says the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import prometheus_server
import pytest
from integration import kafka_server
from integration.wrong_documents import Answer, drift, faults, job, only, scraping, unowned

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
  shipments:  # wrong: it has two partitions
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
  sendInvoice: {action: send, channel: {$ref: '#/channels/invoices'}}
  sendReturn: {action: send, channel: {$ref: '#/channels/returns'}}
  sendAudit: {action: send, channel: {$ref: '#/channels/audit'}}
"""
TOPICS = {"orders.v1": 3, "shipments.v1": 2, "invoices-created": 1, "audit.v1": 1, "loose.ends": 1, "experiments": 1}
DERIVED = "orders.v1.dlq"
PART = 10


def live(broker: kafka_server.Kafka, server: prometheus_server.PrometheusServer) -> int:
    """Topics with traffic in two parts that scrapes lie between, and a group nobody declares; when it was scraped."""
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
    from kafka.admin import NewTopic

    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.create_topics([NewTopic(topic, partitions, 1) for topic, partitions in {**TOPICS, DERIVED: 1}.items()])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
    for part in (1, 2):
        for topic in (one for one in TOPICS if one != "audit.v1"):
            for _ in range(PART):
                producer.send(topic, b"{}", partition=0)
        producer.flush()
        server.wait_for(f'kafka_topic_partition_current_offset{{topic="experiments"}} == {part * PART}', seconds=60)
    consumer = KafkaConsumer(
        "orders.v1",
        bootstrap_servers=broker.bootstrap,
        group_id="somebody-else",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    deadline = time.monotonic() + 60
    count = 0
    while count < 2 * PART and time.monotonic() < deadline:
        count += sum(map(len, consumer.poll(500).values()))
    consumer.commit()
    server.wait_for('kafka_consumergroup_current_offset{consumergroup="somebody-else"}', seconds=60)
    consumer.close()
    producer.close()
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    if lacking := kafka_server.missing():
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("kafka-drift")
    with (
        kafka_server.kafka(folder / "broker") as broker,
        scraping(folder / "prometheus", job("kafka", broker.metrics_port)) as server,
    ):
        at_ms = live(broker, server)
        documents = {"payments.yaml": DOCUMENT, "loose.json": unowned("kafka")}
        yield drift(folder / "documents", documents, server.url, at_ms)


def test_every_fault_of_the_documents_is_found_and_no_other(answer: Answer) -> None:
    assert faults(answer) == {
        ("misnamed", "kafka:invoices.created"),
        ("binding", "kafka:shipments.v1"),
        ("undeclared-channel", "experiments"),
        ("undeclared-consumer", "somebody-else on kafka:orders.v1"),
        ("silent-channel", "kafka:returns.v1"),
        ("silent-channel", "kafka:audit.v1"),
        ("silent-operation", "payments/onOrder"),
        ("owner-missing", "kafka:loose.ends"),
    }


def test_the_number_of_partitions_is_read_from_the_broker(answer: Answer) -> None:
    assert only(answer, "binding")["binding"] == {"key": "kafka.partitions", "declared": "6", "observed": "2"}


def test_topics_of_the_broker_and_dead_letters_are_left_aside(answer: Answer) -> None:
    aside = {one["name"]: one["reason"] for one in answer["set_aside"]}

    assert aside[DERIVED] == "dead letters of kafka:orders.v1"
    assert all(name == DERIVED or name.startswith("__") for name in aside)


def test_a_retention_that_the_exporter_does_not_show_is_said_with_those_that_would(answer: Answer) -> None:
    (one,) = answer["not_compared"]

    assert (one["key"], one["places"]) == ("kafka.topicConfiguration.retention.ms", 1)
    assert one["reason"].startswith("kminion (name the setting in minion.topics.infoMetric.configKeys)")
