"""`observatory drift` on a real Prometheus with kafka_exporter's series: every difference once, and no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import prometheus_server
import pytest
from observatory_process import observatory

AT = 1_790_000_000
HOURS = 2
DOCUMENT = """\
asyncapi: 3.0.0
info:
  title: Payments
  version: 1.0.0
  x-service-name: payments
  x-owner: {team: pay-core}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
channels:
  orders:
    address: orders.v1
    bindings: {kafka: {partitions: 2, replicas: 3}}
    messages: {order: {payload: {type: object}}}
  shipments:
    address: shipments.v1
    bindings: {kafka: {partitions: 6, replicas: 3, topicConfiguration: {retention.ms: 604800000}}}
    messages: {shipment: {payload: {type: object}}}
  invoices:
    address: invoices.created
    messages: {invoice: {payload: {type: object}}}
  returns:
    address: returns.v1
    messages: {return: {payload: {type: object}}}
  audit:
    address: audit.v1
    messages: {entry: {payload: {type: object}}}
  refunds:
    address: refunds.v1
    messages: {refund: {payload: {type: object}}}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    bindings: {kafka: {groupId: {type: string, const: payments-v1}}}
  onShipment: {action: receive, channel: {$ref: '#/channels/shipments'}, x-consumer-group: payments-v1}
  sendInvoice: {action: send, channel: {$ref: '#/channels/invoices'}}
  sendReturn: {action: send, channel: {$ref: '#/channels/returns'}}
  sendAudit: {action: send, channel: {$ref: '#/channels/audit'}}
  onRefund: {action: receive, channel: {$ref: '#/channels/refunds'}, x-consumer-group: refunds-v1}
  countShipments: {action: receive, channel: {$ref: '#/channels/shipments'}, x-consumer-group: nightly-v1}
"""
UNOWNED = """\
asyncapi: 3.0.0
info: {title: Loose, version: 1.0.0, x-service-name: loose}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
channels:
  ends: {address: loose.ends, messages: {end: {payload: {type: object}}}}
operations:
  sendEnd: {action: send, channel: {$ref: '#/channels/ends'}}
"""
ODD = 'a"b{c}|(größe).*'
TOPICS = {
    "orders.v1": (2, 100.0),
    "shipments.v1": (3, 10.0),
    "prod-invoices.created": (1, 7.0),
    "audit.v1": (1, 0.0),
    "refunds.v1": (1, 1.0),
    "loose.ends": (1, 1.0),
    "experiments": (1, 5.0),
    ODD: (1, 2.0),
    "__consumer_offsets": (1, 50.0),
    "orders.v1.DLT": (1, 0.0),
    "orders.v1-retry-0": (1, 1.0),
    "app-KSTREAM-AGGREGATE-STATE-STORE-0000000003-changelog": (1, 9.0),
}
GROUPS = (
    ("payments-v1", "orders.v1", 1.0),
    ("payments-v1", "shipments.v1", 1.0),
    ("rogue", "refunds.v1", 1.0),
    ("nightly-v1", "shipments.v1", 0.0),
)
WITHOUT_MEMBERS = ("payments-v1", "nightly-v1")
"""The first assigns its partitions itself, as Flink does, and commits; the second has gone."""


def series() -> Iterator[prometheus_server.Series]:
    t_ms = np.arange((AT - HOURS * 3600) * 1000, AT * 1000 + 1, 60_000)
    for topic, (partitions, per_minute) in TOPICS.items():
        fixed = np.full(len(t_ms), float(partitions))
        yield {"__name__": "kafka_topic_partitions", "topic": topic, "job": "kafka"}, t_ms, fixed
        for partition in map(str, range(partitions)):
            labels = {"topic": topic, "partition": partition, "job": "kafka", "cluster": "eu-1"}
            offsets = 1000.0 + np.arange(len(t_ms)) * per_minute
            yield {**labels, "__name__": "kafka_topic_partition_current_offset"}, t_ms, offsets
            yield {**labels, "__name__": "kafka_topic_partition_replicas"}, t_ms, np.full(len(t_ms), 3.0)
    only_listed = {"__name__": "kafka_topic_partitions", "topic": "listed.only", "job": "kafka"}
    yield only_listed, t_ms, np.full(len(t_ms), 1.0)
    for group, topic, per_minute in GROUPS:
        labels = {"topic": topic, "partition": "0", "consumergroup": group, "job": "kafka"}
        yield (
            {**labels, "__name__": "kafka_consumergroup_current_offset"},
            t_ms,
            1000.0 + np.arange(len(t_ms)) * per_minute,
        )
        yield {**labels, "__name__": "kafka_consumergroup_lag"}, t_ms, np.zeros(len(t_ms))
    for group in WITHOUT_MEMBERS:
        members = {"__name__": "kafka_consumergroup_members", "consumergroup": group, "job": "kafka"}
        yield members, t_ms, np.zeros(len(t_ms))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documents")
    (path / "payments.yaml").write_text(DOCUMENT)
    (path / "loose.yaml").write_text(UNOWNED)
    return path


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_server.start(tmp_path_factory.mktemp("server")) as server:
        server.write(series())
        yield server.url


@pytest.fixture(scope="module")
def answer(folder: Path, url: str) -> dict[str, Any]:
    done = observatory("drift", folder, "--prometheus", url, "--at", AT, "--since", "2h", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_difference_is_found_once_and_nothing_else(answer: dict[str, Any]) -> None:
    assert answer["schema"] == "observatory.drift/1"
    assert {(one["kind"], one["subject"]) for one in answer["findings"]} == {
        ("misnamed", "kafka:invoices.created"),
        ("binding", "kafka:shipments.v1"),
        ("undeclared-channel", "experiments"),
        ("undeclared-channel", ODD),
        ("undeclared-channel", "listed.only"),
        ("undeclared-consumer", "rogue on kafka:refunds.v1"),
        ("silent-channel", "kafka:returns.v1"),
        ("silent-channel", "kafka:audit.v1"),
        ("silent-operation", "payments/onRefund"),
        ("silent-operation", "payments/countShipments"),
        ("owner-missing", "kafka:loose.ends"),
    }
    assert len(answer["findings"]) == 11


def found(answer: dict[str, Any], kind: str, subject: str) -> dict[str, Any]:
    (one,) = [one for one in answer["findings"] if (one["kind"], one["subject"]) == (kind, subject)]
    return dict(one)


def test_an_undeclared_topic_comes_with_its_volume_and_its_time(answer: dict[str, Any]) -> None:
    assert found(answer, "undeclared-channel", "experiments")["observed"] == {
        "messages": 5.0 * 120 - 5.0,  # the first sample lies before the range, which is left-open
        "first_seen": "2026-09-21T12:14:20Z",
        "last_seen": "2026-09-21T14:13:20Z",
    }


def test_an_undeclared_consumer_group_comes_with_what_it_read_and_when(answer: dict[str, Any]) -> None:
    one = found(answer, "undeclared-consumer", "rogue on kafka:refunds.v1")

    assert one["sources"] == ["kafka_exporter"]
    assert one["observed"] == {
        "messages": 119.0,
        "first_seen": "2026-09-21T12:14:20Z",
        "last_seen": "2026-09-21T14:13:20Z",
    }


def test_a_name_that_nothing_counts_comes_with_its_time(answer: dict[str, Any]) -> None:
    assert found(answer, "undeclared-channel", "listed.only")["observed"] == {
        "messages": None,
        "first_seen": "2026-09-21T12:14:20Z",
        "last_seen": "2026-09-21T14:13:20Z",
    }


def test_a_topic_whose_name_holds_pattern_characters_is_counted_too(answer: dict[str, Any]) -> None:
    assert found(answer, "undeclared-channel", ODD)["observed"]["messages"] == 2.0 * 119


def test_a_near_name_is_a_suspect_of_f2_with_both_names(answer: dict[str, Any]) -> None:
    one = found(answer, "misnamed", "kafka:invoices.created")

    assert one["failure_mode"] == "F2"
    assert "prod-invoices.created" in one["message"]
    assert one["observed"]["messages"] == 7.0 * 119
    assert one["location"].endswith("payments.yaml:18:3")


def test_a_number_of_partitions_that_differs_is_f8(answer: dict[str, Any]) -> None:
    one = found(answer, "binding", "kafka:shipments.v1")

    assert (one["failure_mode"], one["binding"]) == (
        "F8",
        {"key": "kafka.partitions", "declared": "6", "observed": "3"},
    )


def test_a_group_without_members_is_silent_unless_it_commits(answer: dict[str, Any]) -> None:
    one = found(answer, "silent-operation", "payments/countShipments")

    assert one["message"].endswith("and no consumer is attached")
    assert not [other for other in answer["findings"] if other["consumer_group"] == "payments-v1"]


def test_a_value_that_nothing_measures_is_said(answer: dict[str, Any]) -> None:
    (one,) = answer["not_compared"]

    assert (one["key"], one["places"]) == ("kafka.topicConfiguration.retention.ms", 1)


def test_internal_and_derived_names_are_left_aside_and_said(answer: dict[str, Any]) -> None:
    assert [one["name"] for one in answer["set_aside"]] == [
        "__consumer_offsets",
        "app-KSTREAM-AGGREGATE-STATE-STORE-0000000003-changelog",
        "orders.v1-retry-0",
        "orders.v1.DLT",
    ]


def test_a_person_reads_the_same(folder: Path, url: str) -> None:
    done = observatory("drift", folder, "--prometheus", url, "--at", AT, "--since", "2h")

    assert "Misnamed (F2)" in done.stdout
    assert "no document declares the topic experiments" in done.stdout
    assert "11 differences on 7 declared channels" in done.stdout
    assert "left aside, --internal shows them: __consumer_offsets" in done.stdout


def test_internal_names_count_when_they_are_asked_for(folder: Path, url: str) -> None:
    done = observatory("drift", folder, "--prometheus", url, "--at", AT, "--since", "2h", "--internal", "--json")

    names = {one["subject"] for one in json.loads(done.stdout)["findings"]}
    assert {"__consumer_offsets", "orders.v1.DLT"} <= names


def test_names_that_settings_or_an_option_ignore_are_left_aside_with_the_reason(
    folder: Path, url: str, tmp_path: Path
) -> None:
    settings = tmp_path / "observatory.yaml"
    settings.write_text("drift: {ignore: [{names: 'exper*', reason: of the data team}]}\n")
    span = ("--at", AT, "--since", "2h", "--json", "--config", settings)

    done = observatory("drift", folder, "--prometheus", url, *span, "--ignore", "rogue")

    answer = json.loads(done.stdout)
    assert {"experiments", "rogue on kafka:refunds.v1"}.isdisjoint(one["subject"] for one in answer["findings"])
    aside = {one["name"]: one["reason"] for one in answer["set_aside"]}
    assert (aside["experiments"], aside["rogue"]) == ("of the data team", "ignored by --ignore")


def test_a_gate_fails_a_build(folder: Path, url: str) -> None:
    gates = ("--fail-on", "misnamed", "--fail-on", "binding")

    done = observatory("drift", folder, "--prometheus", url, "--at", AT, "--since", "2h", *gates)

    assert done.returncode == 1
    assert "2 findings fail this build" in done.stderr


def test_a_gate_about_what_is_well_lets_pass(tmp_path: Path, url: str) -> None:
    (tmp_path / "loose.yaml").write_text(UNOWNED)

    done = observatory("drift", tmp_path, "--prometheus", url, "--at", AT, "--since", "2h", "--fail-on", "silent")

    assert done.returncode == 0


def test_a_server_that_is_gone_is_a_source_failure(folder: Path) -> None:
    done = observatory("drift", folder, "--prometheus", "http://127.0.0.1:9", "--at", AT)

    assert done.returncode == 4
