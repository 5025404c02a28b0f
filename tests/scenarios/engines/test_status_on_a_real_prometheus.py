"""`status --json` on a real Prometheus that holds series of four exporters, compared with counts known beforehand.

Two hours at a 15 s scrape that lies off the minute; every objective has a window of one hour.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_server
import pytest

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("four-exporters")]
END_MS = 1_795_000_000_000 - 1_795_000_000_000 % 60_000
FIRST_MS = END_MS - 7_200_000 + 7_000
TIMES = list(range(FIRST_MS, END_MS + 1, 15_000))
STEPS = range(len(TIMES))
# Samples inside (end - 1 h, end], and the last one before them: an increment belongs to the later sample.
INSIDE = [step for step in STEPS if TIMES[step] > END_MS - 3_600_000]
BEFORE = INSIDE[0] - 1

DOCUMENT = """\
asyncapi: 3.0.0
info:
  title: Four exporters
  version: 1.0.0
  x-service-name: ledger
x-slo-defaults: {window: 1h}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
  rabbit: {host: 'rabbit.example', protocol: amqp}
channels:
  orders:
    address: orders.v1
    servers: [{$ref: '#/servers/kafka'}]
    messages: {order: {payload: {type: object}}}
  invoices:
    address: invoices
    servers: [{$ref: '#/servers/kafka'}]
    messages: {invoice: {payload: {type: object}}}
  refunds:
    address: refunds
    servers: [{$ref: '#/servers/kafka'}]
    messages: {refund: {payload: {type: object}}}
  audit:
    address: audit.trail
    servers: [{$ref: '#/servers/rabbit'}]
    bindings: {amqp: {is: queue, queue: {name: audit.trail}}}
    messages: {entry: {payload: {type: object}}}
  nowhere:
    address: nowhere.v1
    servers: [{$ref: '#/servers/kafka'}]
    messages: {thing: {payload: {type: object}}}
operations:
  readOrders:
    action: receive
    channel: {$ref: '#/channels/orders'}
    bindings: {kafka: {groupId: {type: string, const: ledger-v1}}}
    x-slo: [{sli: lag, threshold: 60s, target: 95%}, {sli: lag, threshold: 1000 messages, target: 95%, name: backlog}]
  readInvoices:
    action: receive
    channel: {$ref: '#/channels/invoices'}
    x-slo: {availability: 99%, latency: {threshold: 250ms, target: 90%}}
  writeRefunds:
    action: send
    channel: {$ref: '#/channels/refunds'}
    x-slo: {availability: 99.9%}
  readAudit:
    action: receive
    channel: {$ref: '#/channels/audit'}
    x-slo: [{sli: lag, threshold: 2m, target: 99%}]
  readNowhere:
    action: receive
    channel: {$ref: '#/channels/nowhere'}
    x-slo: {availability: 99%}
"""

# kafka_exporter: 10 messages a second on each of two partitions; partition 1 is not read for ten minutes.
STALL = range(len(TIMES) - 120, len(TIMES) - 80)
PRODUCED = [1_000 + 150 * step for step in STEPS]
COMMITTED_1 = [PRODUCED[STALL[0]] if step in STALL else PRODUCED[step] for step in STEPS]
# Partition 0 is always 400 messages behind its head, which no time slice may lose from the group's lag.
COMMITTED_0 = [end - 400 for end in PRODUCED]
# spanmetrics: 30 consumer spans a scrape, a failure in every tenth scrape, whose series is born with the first one.
FAILURES = [sum(1 for earlier in range(step + 1) if earlier % 10 == 9) for step in STEPS]
# OpenTelemetry without suffixes: the publisher restarts half way into the window and counts from 40 again.
RESTART = INSIDE[len(INSIDE) // 2]
SENT = [20.0 * step if step < RESTART else 40.0 + 20.0 * (step - RESTART) for step in STEPS]


def series() -> Iterator[prometheus_server.Series]:
    exporter = {"job": "kafka", "instance": "exporter:9308", "topic": "orders.v1"}
    group = exporter | {"consumergroup": "ledger-v1"}
    for partition, committed in (("0", COMMITTED_0), ("1", COMMITTED_1)):
        at = {"partition": partition}
        yield exporter | at | {"__name__": "kafka_topic_partition_current_offset"}, TIMES, PRODUCED
        yield group | at | {"__name__": "kafka_consumergroup_current_offset"}, TIMES, committed
        lag = [end - read for end, read in zip(PRODUCED, committed, strict=True)]
        yield group | at | {"__name__": "kafka_consumergroup_lag"}, TIMES, lag
    collector = {"job": "collector", "instance": "collector:8889", "service_name": "ledger"}
    span = collector | {"span_name": "process invoices", "span_kind": "SPAN_KIND_CONSUMER"}
    calls = span | {"__name__": "traces_span_metrics_calls_total"}
    yield calls | {"status_code": "STATUS_CODE_UNSET"}, TIMES, [30.0 * step for step in STEPS]
    born = FAILURES.index(1)
    yield calls | {"status_code": "STATUS_CODE_ERROR"}, TIMES[born:], FAILURES[born:]
    bucket = span | {"__name__": "traces_span_metrics_duration_milliseconds_bucket", "status_code": "STATUS_CODE_UNSET"}
    for bound, share in (("100", 10.0), ("250", 24.0), ("500", 30.0), ("+Inf", 30.0)):
        yield bucket | {"le": bound}, TIMES, [share * step for step in STEPS]
    yield (
        bucket | {"__name__": "traces_span_metrics_duration_milliseconds_count"},
        TIMES,
        [30.0 * step for step in STEPS],
    )
    sender = {"job": "ledger", "instance": "ledger-0:9464", "messaging_destination_name": "refunds"}
    sent = sender | {"__name__": "messaging_client_sent_messages", "messaging_system": "kafka"}
    yield sent, TIMES, SENT
    rabbit = {"job": "rabbit", "instance": "rabbit:15692", "vhost": "/", "queue": "audit.trail"}
    yield rabbit | {"__name__": "rabbitmq_detailed_queue_messages_ready"}, TIMES, [5.0 for _ in STEPS]
    yield rabbit | {"__name__": "rabbitmq_detailed_queue_messages"}, TIMES, [5.0 for _ in STEPS]
    head = [(TIMES[step] / 1000 - (300 if step in STALL else 10)) for step in STEPS]
    yield rabbit | {"__name__": "rabbitmq_detailed_queue_head_message_timestamp"}, TIMES, head
    for job in ("kafka", "collector", "ledger", "rabbit"):
        instance = {"kafka": "exporter:9308", "collector": "collector:8889", "ledger": "ledger-0:9464"}.get(job)
        yield {"__name__": "up", "job": job, "instance": instance or "rabbit:15692"}, TIMES, [1.0 for _ in STEPS]


@pytest.fixture(scope="module")
def objectives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("exporters")
    document = folder / "ledger.yaml"
    document.write_text(DOCUMENT)
    with prometheus_server.start(folder / "prometheus") as server:
        server.write(series())
        return status(document, server.url)


def status(document: Path, url: str) -> dict[str, dict[str, Any]]:
    """Objectives by the end of their id."""
    command = [sys.executable, "-m", "observatory", "status", str(document), "--prometheus", url, "--json"]
    ended = subprocess.run([*command, "--at", str(END_MS // 1000)], capture_output=True, text=True, check=False)
    assert ended.stdout, ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["schema"] == "observatory.status/1"
    return {entry["id"].split("/", 1)[1]: entry for entry in answer["objectives"]}


def bad_slices(level: list[float], bound: float) -> int:
    """Minutes of the window in which the level was above the bound at any scrape."""
    return len({-(-(TIMES[step] - END_MS) // 60_000) for step in INSIDE if level[step] > bound})


def test_lag_in_seconds_is_the_time_since_the_group_was_at_the_head(objectives: dict[str, dict[str, Any]]) -> None:
    # 400 messages at ten a second are 40 s of the other partition; the worst one counts, and seconds are never added.
    seconds = [max(40.0, 15.0 * (step - STALL[0])) if step in STALL else 40.0 for step in STEPS]
    lag = objectives["readOrders/lag"]

    assert lag["total"] == 60.0
    assert lag["good"] == 60.0 - bad_slices(seconds, 60.0)
    assert lag["level"]["worst"] == pytest.approx(585.0, abs=15.0)
    assert lag["profile"] == "kafka_exporter"


def test_lag_in_messages_is_the_sum_over_partitions_of_what_waits(objectives: dict[str, dict[str, Any]]) -> None:
    messages = [float(2 * PRODUCED[step] - COMMITTED_0[step] - COMMITTED_1[step]) for step in STEPS]
    backlog = objectives["readOrders/backlog"]

    assert backlog["good"] == 60.0 - bad_slices(messages, 1000.0)
    assert backlog["level"]["worst"] == max(messages)


def test_a_failure_series_that_is_born_later_is_counted_from_its_first_value(
    objectives: dict[str, dict[str, Any]],
) -> None:
    failed = FAILURES[-1] - FAILURES[BEFORE]
    handled = 30 * (len(TIMES) - 1 - BEFORE)
    invoices = objectives["readInvoices/availability"]

    assert invoices["total"] == handled + failed
    assert invoices["good"] == handled
    assert invoices["profile"] == "otel_spanmetrics"


def test_a_threshold_on_a_bucket_boundary_in_milliseconds_is_exact(objectives: dict[str, dict[str, Any]]) -> None:
    scrapes = len(TIMES) - 1 - BEFORE
    latency = objectives["readInvoices/latency"]

    assert (latency["good"], latency["total"]) == (24.0 * scrapes, 30.0 * scrapes)
    assert latency["proxy"] is True


def test_a_restart_inside_the_window_loses_nothing_that_was_scraped(objectives: dict[str, dict[str, Any]]) -> None:
    refunds = objectives["writeRefunds/availability"]
    expected = SENT[RESTART - 1] - SENT[BEFORE] + SENT[-1]

    assert (refunds["good"], refunds["total"]) == (expected, expected)
    assert refunds["state"] == "meeting"
    assert refunds["recovered"]["resets"] == 1


def test_the_age_of_the_head_is_the_lag_of_a_queue(objectives: dict[str, dict[str, Any]]) -> None:
    age = [300.0 if step in STALL else 10.0 for step in STEPS]
    audit = objectives["readAudit/lag"]

    assert audit["good"] == 60.0 - bad_slices(age, 120.0)
    assert audit["profile"] == "rabbitmq"


def test_a_channel_without_series_has_no_data_and_says_which_is_missing(objectives: dict[str, dict[str, Any]]) -> None:
    nowhere = objectives["readNowhere/availability"]

    assert nowhere["state"] in ("no_data", "unmapped")
    assert (nowhere["good"], nowhere["total"], nowhere["ratio"]) == (None, None, None)
    assert nowhere["problems"]
    assert nowhere["budget"] is None or nowhere["budget"]["remaining_ratio"] is None


def test_coverage_is_whole_where_every_scrape_succeeded(objectives: dict[str, dict[str, Any]]) -> None:
    assert objectives["writeRefunds/availability"]["coverage"] == pytest.approx(1.0, abs=0.01)
