"""`observatory ready` on a real Prometheus: each item passed, failed or not applicable, with evidence; JUnit for CI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import prometheus_server
import pytest
from misbehaving_server import MisbehavingServer, Reply
from observatory_process import observatory

AT = 1_790_000_000
WATCHER = "payments/onOrder/dead_letters"
LETTERS = (
    "payments/onOrder: live by kafka_exporter; dead letters go to orders.v1.DLT, "
    "by the convention {}.DLT (Spring for Apache Kafka)"
)
SERVERS = "servers: {kafka: {host: 'kafka.example:9092', protocol: kafka}}"
READY = f"""\
asyncapi: 3.0.0
info:
  title: Payments
  version: 1.0.0
  x-service-name: payments
  x-owner: {{team: pay-core, runbook: 'https://runbooks.example/payments'}}
{SERVERS}
channels:
  orders:
    address: orders.v1
    messages:
      order:
        headers: {{type: object, properties: {{traceparent: {{type: string}}}}}}
        payload: {{type: object}}
operations:
  onOrder:
    action: receive
    channel: {{$ref: '#/channels/orders'}}
    bindings: {{kafka: {{groupId: {{type: string, const: payments-v1}}}}}}
    x-slo:
      - {{sli: lag, threshold: 100 messages, target: 99%}}
      - {{sli: dead_letters, target: 99.9%}}
"""
BARE = f"""\
asyncapi: 3.0.0
info: {{title: "Bare \\u0007<&> thing", version: 1.0.0, x-service-name: bare}}
{SERVERS}
channels:
  loose: {{address: loose.ends, messages: {{end: {{payload: {{type: object}}}}}}}}
  sent: {{address: only.sent, messages: {{end: {{payload: {{type: object}}}}}}}}
operations:
  onEnd: {{action: receive, channel: {{$ref: '#/channels/loose'}}}}
  sendEnd: {{action: send, channel: {{$ref: '#/channels/sent'}}}}
"""
SERIES = [
    *(
        {"__name__": "kafka_topic_partition_current_offset", "topic": topic, "partition": "0"}
        for topic in ("orders.v1", "orders.v1.DLT", "only.sent")
    ),
    *(
        {"__name__": name, "topic": "orders.v1", "partition": "0", "consumergroup": "payments-v1"}
        for name in ("kafka_consumergroup_current_offset", "kafka_consumergroup_lag")
    ),
    {"__name__": "kafka_network_socketserver_networkprocessoravgidle_percent"},
    {"__name__": "kafka_schema_registry_jersey_metrics_request_total"},
]
HOSTILE = """\
asyncapi: 2.6.0
info: {title: Odd, version: 1.0.0, x-service-name: odd, x-owner: {team: 't]]><b>&', runbook: 'javascript:alert(1)'}}
servers: {kafka: {url: 'kafka.example:9092', protocol: kafka}}
channels:
  "we\\"ird]]><x>&\\n\\U0001F600": {publish: {message: {payload: {type: object}}}}
"""
COUNTED = {"name", "time", "tests", "failures", "errors"}
JENKINS: dict[str, tuple[set[str], set[str]]] = {
    "error": ({"message", "type"}, set()),
    "testsuites": (COUNTED, {"testsuite"}),
    "testsuite": (COUNTED | {"skipped", "timestamp"}, {"testcase"}),
    "testcase": ({"name", "classname", "time"}, {"failure", "skipped", "system-out"}),
    "failure": ({"message", "type"}, set()),
    "skipped": ({"message", "type"}, set()),
    "system-out": (set(), set()),
}
"""Attributes and children of an element, as the schema of Jenkins' xUnit plugin allows them; it refuses others."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documents")
    (path / "payments.yaml").write_text(READY)
    (path / "bare.yaml").write_text(BARE)
    return path


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_server.start(tmp_path_factory.mktemp("server")) as server:
        times = [AT * 1000 - 120_000, AT * 1000 - 60_000]
        server.write((labels, times, [1.0, 2.0]) for labels in SERIES)
        yield server.url


@pytest.fixture(scope="module")
def answer(folder: Path, url: str) -> dict[str, Any]:
    done = observatory("ready", folder, "--prometheus", url, "--at", AT, "--json")
    assert done.returncode == 1, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def items(answer: dict[str, Any], channel: str) -> dict[str, tuple[str, str]]:
    (found,) = [one for one in answer["channels"] if one["id"] == channel]
    return {item["item"]: (item["state"], item["evidence"]) for item in found["items"]}


def test_a_channel_that_has_everything_is_ready_with_its_evidence(answer: dict[str, Any], folder: Path) -> None:
    assert items(answer, "kafka:orders.v1") == {
        "document": ("passed", f"described in {folder}/payments.yaml"),
        "objectives": ("passed", "2 objectives (dead_letters, lag)"),
        "telemetry": ("passed", "2 objectives measured by live series of kafka_exporter"),
        "dead_letters": (
            "passed",
            f"{LETTERS}; watched by {WATCHER}",
        ),
        "trace_context": ("passed", "every message declares a trace header; no trace was seen"),
        "owner": ("passed", "pay-core (x-owner on info)"),
        "runbook": ("passed", "https://runbooks.example/payments"),
    }


def test_a_bare_channel_fails_every_item_but_its_document(answer: dict[str, Any]) -> None:
    states = {name: state for name, (state, _) in items(answer, "kafka:loose.ends").items()}

    assert states == {
        "document": "passed",
        "objectives": "failed",
        "telemetry": "failed",
        "dead_letters": "failed",
        "trace_context": "failed",
        "owner": "failed",
        "runbook": "failed",
    }


def test_what_concerns_receivers_does_not_apply_where_nobody_receives(answer: dict[str, Any]) -> None:
    found = items(answer, "kafka:only.sent")

    assert found["dead_letters"] == ("not_applicable", "nobody receives from it in these documents")
    assert found["trace_context"][0] == "not_applicable"
    assert found["telemetry"][0] == "passed"


def test_the_counts_add_up(answer: dict[str, Any]) -> None:
    assert answer["schema"] == "observatory.ready/1"
    assert answer["counts"] == {"passed": 10, "failed": 9, "not_applicable": 2}


def test_junit_has_a_case_per_item_for_ci(folder: Path, url: str, tmp_path: Path) -> None:
    report = tmp_path / "ready.xml"

    done = observatory(
        "ready", folder, "--prometheus", url, "--at", AT, "--format", "junit", "-o", report, "--fail-on", "never"
    )

    assert done.returncode == 0
    assert "ready for production: 1 of 3 channels" in done.stdout
    root = ElementTree.parse(report).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("21", "9", "0")
    assert sum(int(suite.get("skipped", "")) for suite in root) == 2
    assert [suite.get("name") for suite in root] == ["kafka:loose.ends", "kafka:only.sent", "kafka:orders.v1"]
    failures = {
        (case.get("classname"), case.get("name")) for case in root.iter("testcase") if case.find("failure") is not None
    }
    assert ("kafka:loose.ends", "runbook") in failures
    assert {classname for classname, _ in failures} == {"kafka:loose.ends", "kafka:only.sent"}


def test_a_broker_and_a_registry_that_are_scraped_are_no_telemetry_of_a_channel(answer: dict[str, Any]) -> None:
    state, evidence = items(answer, "kafka:loose.ends")["telemetry"]

    assert state == "failed"
    assert "kafka_exporter has no such series" in evidence


def test_a_hostile_document_makes_a_report_that_jenkins_takes(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text(HOSTILE)

    done = observatory("ready", tmp_path / "odd.yaml", "--format", "junit", "--fail-on", "never")

    root = ElementTree.fromstring(done.stdout)
    for element in root.iter():
        attributes, children = JENKINS[element.tag]
        assert (element.attrib.keys() - attributes, {child.tag for child in element} - children) == (set(), set())
    assert root[0].get("name") == 'kafka:we"ird]]><x>&\n\U0001f600'
    (runbook,) = [case for case in root.iter("testcase") if case.get("name") == "runbook"]
    assert "is no address that somebody can open" in str(runbook[0].get("message"))


def test_a_source_that_answers_in_part_is_an_error_of_its_own_in_the_report(folder: Path) -> None:
    body = b'{"status":"success","warnings":["store 10.0.0.3 timed out"],"data":[]}'
    server = MisbehavingServer([Reply(path="/", body=body)])

    done = observatory("ready", folder, "--prometheus", server.url, "--at", AT, "--format", "junit")
    server.stop()

    assert done.returncode == 5
    root = ElementTree.fromstring(done.stdout)
    (case,) = root[0]
    assert (root.get("errors"), root[0].get("name"), case[0].tag) == ("1", "sources", "error")
    assert "store 10.0.0.3 timed out" in str(case[0].get("message"))


def test_one_ready_channel_passes_a_build(folder: Path, url: str) -> None:
    done = observatory("ready", folder, "--prometheus", url, "--at", AT, "--channel", "orders.v1")

    assert done.returncode == 0
    assert "ready for production: 1 of 1 channel\n" in done.stdout


def test_without_a_source_telemetry_is_not_there(folder: Path) -> None:
    done = observatory("ready", folder, "--channel", "orders.v1")

    assert done.returncode == 1
    assert "telemetry live: no source was asked" in done.stdout


def test_text_goes_into_no_file(folder: Path, tmp_path: Path) -> None:
    done = observatory("ready", folder, "-o", tmp_path / "x")

    assert done.returncode == 2
