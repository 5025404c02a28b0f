"""Which names need no document: what systems make, what follows from a declared one, what settings say."""

from __future__ import annotations

import pytest
from telemetry.documents import catalog, channel, names

from observatory.diagnose.drift.internal import Internal
from observatory.settings.drift import IgnoredNames

DOCUMENTS = catalog([channel("kafka", names(topic="orders.v1"))])
INTERNAL = [
    "__consumer_offsets", "_schemas", "_schema_encoders", "_confluent-metrics", "strimzi.cruisecontrol.metrics",
    "connect-configs", "docker-connect-status", "my-connect-cluster-offsets", "kafkasql-journal", "kminion-end-to-end",
    "app-orders-repartition", "app-KSTREAM-AGGREGATE-STATE-STORE-0000000003-changelog", "mm2-offsets.eu.internal",
    "default_ksql_processing_log", "amq.gen-JzTY", "$SYS.ACCOUNT.x", "$SYS/broker/load", "KV_sessions",
    "persistent://shop/orders/__change_events", "aliveness-test", "orders.v1.DLT", "orders.v1-retry-0", "",
]  # fmt: skip
OWN = [
    "orders.v2", "connection.status", "reconnect-status", "device.connect.status", "order-status", "heartbeats",
    "sensors.heartbeats", "payments.DLT", "schemas", "status", "my_confluent_topic", "rabbitmq-stream", "changelog",
]  # fmt: skip
MIRRORED = ["mm2-configs.eu.internal", "heartbeats", "eu.heartbeats"]


@pytest.mark.parametrize("name", INTERNAL)
def test_what_systems_make_needs_no_document(name: str) -> None:
    assert Internal.of(DOCUMENTS).reason(name)


@pytest.mark.parametrize("name", OWN)
def test_what_a_team_may_have_named_needs_one(name: str) -> None:
    assert Internal.of(DOCUMENTS, OWN).reason(name) is None


def test_three_topics_of_one_beginning_are_those_of_a_connect_cluster() -> None:
    kept = ["debezium-configs", "debezium-offsets", "debezium-status"]

    assert [Internal.of(DOCUMENTS, kept).reason(name) for name in kept] == (
        ["internal topic of the Kafka Connect cluster debezium"] * 3
    )
    assert [Internal.of(DOCUMENTS, kept[:2]).reason(name) for name in kept[:2]] == [None, None]


def test_heartbeats_are_those_of_mirror_maker_where_it_is_at_work() -> None:
    assert [Internal.of(DOCUMENTS, MIRRORED).reason(name) for name in MIRRORED] == ["MirrorMaker"] * 3


def test_the_reason_of_the_settings_comes_first() -> None:
    ignored = [IgnoredNames(("connect-*", "scratch.*"), "of the data team")]

    found = Internal.of(DOCUMENTS, (), ignored)

    assert [found.reason(name) for name in ("connect-status", "scratch.a", "orders.v2")] == (
        ["of the data team", "of the data team", None]
    )
