"""A Kafka broker that shows its own metrics, by the JMX exporter and by Strimzi's reporter: map and drift by each.

The reporter writes a topic's dots as underscores, which is no other name.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, get_args

import prometheus_server
import pytest
from integration import kafka_exporters, kafka_server
from integration.wrong_documents import Answer, drift, faults, job, only, scraping
from observatory_process import observatory

DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Payments, version: 1.0.0, x-service-name: payments, x-owner: {team: pay-core}}
servers: {kafka: {host: 'kafka.example:9092', protocol: kafka}}
channels:
  orders: {address: orders.v1}            # right
  invoices: {address: invoices.created}   # wrong: what runs is called invoices-created
  returns: {address: returns.v1}          # wrong: there is no such topic
  audit: {address: audit.v1}              # wrong: nothing is ever written to it
operations:
  sendOrder: {action: send, channel: {$ref: '#/channels/orders'}}
  sendInvoice: {action: send, channel: {$ref: '#/channels/invoices'}}
  sendReturn: {action: send, channel: {$ref: '#/channels/returns'}}
  sendAudit: {action: send, channel: {$ref: '#/channels/audit'}}
"""
TOPICS = {"orders.v1": 3, "invoices-created": 1, "audit.v1": 1, "experiments": 1}
PROFILES = {"jmx": "kafka_jmx_strimzi", "reporter": "kafka_strimzi_reporter"}
PART = 10

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def live(bootstrap: str, server: prometheus_server.PrometheusServer) -> int:
    """Topics with traffic in two parts that scrapes lie between; when all was scraped."""
    from kafka import KafkaAdminClient, KafkaProducer
    from kafka.admin import NewTopic

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, partitions, 1) for topic, partitions in TOPICS.items()])
    admin.close()
    server.wait_for('kafka_log_log_logendoffset{topic="experiments"} == 0', seconds=90)
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for part in (1, 2):
        for topic in (one for one in TOPICS if one != "audit.v1"):
            for _ in range(PART):
                producer.send(topic, b"{}", partition=0)
        producer.flush()
        server.wait_for(f'kafka_log_log_logendoffset{{topic="experiments"}} == {part * PART}', seconds=90)
    producer.close()
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module", params=get_args(kafka_exporters.Way))
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Answer, dict[str, Any]]]:
    """The profile, and what `drift` and `map` say."""
    if lacking := kafka_server.missing_broker() or kafka_exporters.missing_own(request.param):
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("kafka-own")
    with (
        kafka_exporters.measured_broker(folder / "broker", request.param) as (bootstrap, port),
        scraping(folder / "prometheus", job("broker", port, scrape_interval="2s")) as server,
    ):
        at_ms = live(bootstrap, server)
        answer = drift(folder / "documents", {"payments.yaml": DOCUMENT}, server.url, at_ms)
        asked = (folder / "documents", "--prometheus", server.url, "--at", at_ms / 1000, "--json")
        yield PROFILES[request.param], answer, json.loads(observatory("map", *asked).stdout)


def test_every_fault_of_the_documents_is_found_and_no_other(told: tuple[str, Answer, dict[str, Any]]) -> None:
    _, answer, _ = told

    assert faults(answer) == {
        ("misnamed", "kafka:invoices.created"),
        ("undeclared-channel", "experiments"),
        ("silent-channel", "kafka:returns.v1"),
        ("silent-channel", "kafka:audit.v1"),
    }
    assert only(answer, "misnamed")["observed"]["messages"] == 2 * PART
    assert all(one["name"].startswith("__") for one in answer["set_aside"])


def test_the_map_takes_the_broker_for_what_it_is(told: tuple[str, Answer, dict[str, Any]]) -> None:
    profile, _, mapping = told
    (orders,) = [one for one in mapping["channels"] if one["address"] == "orders.v1"]
    live = {one["signal"]: one["profile"] for one in orders["signals"] if one["state"] == "live"}

    wanted = ("produced_offset", "oldest_offset", "enqueued_messages", "broker_load")
    assert live == dict.fromkeys(wanted, profile)
    assert [one["profile"] for one in mapping["profiles"]] == [profile]
