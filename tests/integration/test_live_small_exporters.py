"""Exporters of NATS, Mosquitto and Redis by themselves: what stands for them writes as they do, their counts are true.

They are neither in Debian nor brought by `make live`: they run where they are on the path.
"""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from integration import mosquitto_server, nats_server, redis_server, small_servers
from integration.wrong_documents import job, scraping
from observatory_process import observatory
from prometheus_client.parser import text_string_to_metric_families

LACKING = small_servers.missing("nats-server", "mosquitto", "redis-server")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.skipif(LACKING is not None, reason=LACKING or ""),
]
NO_EXPORTERS = small_servers.absent(nats_server.EXPORTER, mosquitto_server.EXPORTER)
NO_REDIS_EXPORTER = small_servers.absent(redis_server.NEWER_EXPORTER)
NO_SURVEYOR = small_servers.absent(nats_server.SURVEYOR)
Written = dict[tuple[str, str, tuple[tuple[str, str], ...]], float]
"""Values by name, type and labels."""


def written(text: str) -> Written:
    """Exposition text, read by the official parser, which says `_total` behind counters that do not."""
    return {
        (_named(sample.name, text), family.type, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _named(name: str, text: str) -> str:
    return name if name in text else name.removesuffix("_total")


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def until(read: Callable[[], str], holds: Callable[[Written], bool]) -> Written:
    """What is written as soon as it is as it should be."""
    deadline = time.monotonic() + 20
    while not holds(found := written(read())):
        assert time.monotonic() < deadline, sorted(found)
        time.sleep(0.05)
    return found


def value(found: Written, name: str) -> float | None:
    """The value of the only series of a name, None when there is none."""
    return next((number for key, number in found.items() if key[0] == name), None)


@pytest.mark.skipif(NO_EXPORTERS is not None, reason=NO_EXPORTERS or "")
def test_what_stands_for_the_exporter_of_nats_writes_what_it_writes(tmp_path: Path) -> None:
    with nats_server.nats(tmp_path / "nats", exporter=True) as nats, nats_server.connected(nats) as client:
        stream = {"name": "ORDERS", "subjects": ["orders.>"], "storage": "memory", "max_msgs": 5000}
        client.api("STREAM.CREATE.ORDERS", stream)
        durable = {"durable_name": "billing", "ack_policy": "explicit"}
        client.api("CONSUMER.DURABLE.CREATE.ORDERS.billing", {"stream_name": "ORDERS", "config": durable})
        for number in range(9):
            client.publish("orders.placed", str(number).encode())
        for reply in client.fetch("ORDERS", "billing", 6)[2:]:
            client.publish(reply, b"+ACK")
        ours = until(
            lambda: nats_server.exposition(nats.monitor_port),
            lambda found: value(found, "jetstream_consumer_num_ack_pending") == 2,
        )
        theirs = written(scraped(nats.metrics_port))
        with nats_server.exporting(tmp_path / "renamed", nats.monitor_port, "-prefix", "nats") as port:
            renamed = {name for name, _, _ in written(scraped(port))}
    memory = {key for key in ours if key[0] == "gnatsd_varz_mem"}

    assert {name for name, _, _ in ours if name.startswith("jetstream_consumer_num_")} == {
        "jetstream_consumer_num_pending",
        "jetstream_consumer_num_ack_pending",
        "jetstream_consumer_num_redelivered",
    }
    assert {key: theirs.get(key) for key in ours if key not in memory} == {
        key: value for key, value in ours.items() if key not in memory
    }
    assert memory <= theirs.keys()
    assert {re.sub("^(jetstream|gnatsd)_", "nats_", name) for name, _, _ in ours} <= renamed


@pytest.mark.skipif(NO_EXPORTERS is not None, reason=NO_EXPORTERS or "")
def test_core_nats_is_counted_for_the_whole_server_and_for_no_subject(tmp_path: Path) -> None:
    with nats_server.nats(tmp_path / "nats", exporter=True) as nats, nats_server.connected(nats) as client:
        before = value(written(scraped(nats.metrics_port)), "gnatsd_varz_in_msgs")
        for number in range(40):
            client.publish("pings.sent", str(number).encode())
        client.synchronise()
        after = written(scraped(nats.metrics_port))

    assert (before, value(after, "gnatsd_varz_in_msgs")) == (0, 40)
    assert not any(value == "pings.sent" for _, _, labels in after for _, value in labels)


@pytest.mark.skipif(NO_EXPORTERS is not None, reason=NO_EXPORTERS or "")
def test_what_stands_for_the_exporter_of_mosquitto_writes_what_it_writes(tmp_path: Path) -> None:
    with (
        mosquitto_server.mosquitto(tmp_path / "mosquitto", exporter=True) as broker,
        mosquitto_server.by_rule(tmp_path, broker.port) as port,
    ):
        ours, theirs = (
            until(lambda port=one: scraped(port), lambda found: len(found) > 40) for one in (port, broker.metrics_port)
        )
        own = {key for key in theirs if key[0].startswith("broker_")}

    assert own == ours.keys()
    assert len(own) > 40


SURVEYED = """\
asyncapi: 3.0.0
info: {title: Billing, version: 1.0.0, x-service-name: billing, x-owner: {team: billing}}
x-slo-defaults: {window: 1m}
servers:
  nats: {host: 'nats.example:4222', protocol: nats}
channels:
  placed:
    address: orders.placed
    x-telemetry: {labels: {stream: ORDERS}}
    messages: {one: {payload: {type: object}}}
    bindings: {nats: {stream: {num_replicas: 3}}}    # wrong: there is one
operations:
  chargeOrder:
    action: receive
    channel: {$ref: '#/channels/placed'}
    x-consumer-group: billing
    x-slo:
      - {sli: availability, target: 99%}
      - {sli: lag, threshold: 50 messages, target: 50%}
"""
ORDERS, CHARGED, REFUSED = 120, 80, 6


@dataclass
class Surveyed:
    """What the commands say of a server that nats-surveyor watches."""

    status: dict[str, Any]
    mapping: dict[str, Any]
    drift: dict[str, Any]
    shown: Written


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surveyed]:
    folder = tmp_path_factory.mktemp("surveyed")
    (folder / "billing.yaml").write_text(SURVEYED)
    with (
        nats_server.nats(folder / "nats") as nats,
        nats_server.surveyed(folder / "surveyor", nats) as port,
        nats_server.connected(nats) as client,
        scraping(folder / "prometheus", job("surveyor", port)) as server,
    ):
        client.api("STREAM.CREATE.ORDERS", {"name": "ORDERS", "subjects": ["orders.>"], "storage": "memory"})
        durable = {"durable_name": "billing", "ack_policy": "explicit", "sample_freq": "100"}
        client.api("CONSUMER.DURABLE.CREATE.ORDERS.billing", {"stream_name": "ORDERS", "config": durable})
        server.wait_for("nats_consumer_num_pending == 0 and on () sum_over_time(up[1m]) >= 2")
        for number in range(ORDERS):
            client.publish("orders.placed", str(number).encode())
        deliveries = client.fetch("ORDERS", "billing", CHARGED)
        for reply in deliveries[:REFUSED]:
            client.refuse(reply)
        for reply in (*deliveries[REFUSED:], *client.fetch("ORDERS", "billing", REFUSED)):
            client.publish(reply, b"+ACK")
        server.wait_for(f"nats_consumer_ack_floor_consumer_seq == {CHARGED + REFUSED}")
        server.wait_for(f"nats_jetstream_consumer_nak == {REFUSED}")
        asked = (folder / "billing.yaml", "--prometheus", server.url, "--at", time.time_ns() // 1_000_000 / 1000)
        answers = [json.loads(observatory(word, *asked, "--json").stdout) for word in ("status", "map", "drift")]
        yield Surveyed(*answers, shown=written(scraped(port)))


@pytest.mark.skipif(NO_SURVEYOR is not None, reason=NO_SURVEYOR or "")
class TestSurveyor:
    """The same server by nats-surveyor."""

    def test_deliveries_and_acknowledgements_are_counted(self, surveyed: Surveyed) -> None:
        found = {one["sli"]: one for one in surveyed.status["objectives"]}

        assert {one["profile"] for one in found.values()} == {"nats_surveyor"}
        assert (found["availability"]["good"], found["availability"]["total"]) == (CHARGED + REFUSED,) * 2
        assert found["lag"]["level"]["worst"] == ORDERS - CHARGED

    def test_its_streams_replicas_are_compared_with_the_binding(self, surveyed: Surveyed) -> None:
        (found,) = surveyed.drift["findings"]

        assert (found["kind"], found["subject"]) == ("binding", "nats:orders.placed")
        assert found["binding"] == {"key": "nats.stream.num_replicas", "declared": "3", "observed": "1"}

    def test_consumers_of_a_stream_are_where_it_counts_them(self, surveyed: Surveyed) -> None:
        signals = {one["signal"]: one for one in surveyed.mapping["channels"][0]["signals"]}

        assert "nats_core_account_jetstream_consumer_count" in str(signals["queue_consumers"])
        assert value(surveyed.shown, "nats_core_account_jetstream_consumer_count") == 1
        assert value(surveyed.shown, "nats_stream_consumer_count") == 0

    def test_refusals_are_advisories_and_stand_in_for_repeats(self, surveyed: Surveyed) -> None:
        (repeats,) = (
            one
            for one in surveyed.mapping["channels"][0]["signals"]
            if (one["subject"], one["signal"]) == ("billing/chargeOrder", "redelivered_messages")
        )

        assert "nats_jetstream_consumer_nak" in str(repeats)
        assert value(surveyed.shown, "nats_jetstream_consumer_nak") == REFUSED
        assert value(surveyed.shown, "nats_jetstream_acknowledgement_duration_count") == CHARGED


STREAM = """\
asyncapi: 3.0.0
info: {title: Billing, version: 1.0.0, x-service-name: billing, x-owner: {team: billing}}
x-slo-defaults: {window: 1m}
servers:
  redis: {host: 'redis.example:6379', protocol: redis}
channels:
  orders: {address: orders, messages: {one: {payload: {type: object}}}}
operations:
  chargeOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-consumer-group: billing
    x-slo:
      - {sli: dead_letters, target: 99%}
      - {sli: lag, threshold: 5 messages, target: 50%}
"""
LETTERS = 4


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surveyed]:
    folder = tmp_path_factory.mktemp("streamed")
    (folder / "billing.yaml").write_text(STREAM)
    with (
        redis_server.redis(folder / "redis", redis_server.NEWER_EXPORTER) as redis,
        scraping(folder / "prometheus", job("redis", redis.metrics_port)) as server,
    ):
        redis.commands("XGROUP CREATE orders billing $ MKSTREAM", "XGROUP CREATE orders.dlq nobody $ MKSTREAM")
        redis.commands("XGROUP CREATE parcels sorter $ MKSTREAM")
        server.wait_for('redis_stream_entries_added_total{stream="orders.dlq"} == 0')
        redis.commands(*(f"XADD orders * order {number}" for number in range(ORDERS)))
        redis.commands(f"XREADGROUP GROUP billing one COUNT {CHARGED} NOACK STREAMS orders >")
        redis.commands(*(f"XADD orders.dlq * order {number}" for number in range(LETTERS)))
        # What a group has still to read is deleted: Redis knows no longer how much is left.
        redis.commands(*(f"XADD parcels {number}-1 n 1" for number in range(1, 9)))
        redis.commands("XREADGROUP GROUP sorter one COUNT 1 NOACK STREAMS parcels >", "XDEL parcels 5-1")
        server.wait_for(f'redis_stream_group_entries_read{{group="billing"}} == {CHARGED}')
        server.wait_for('redis_stream_group_entries_read{group="sorter"} == 1')
        asked = (folder / "billing.yaml", "--prometheus", server.url, "--at", time.time_ns() // 1_000_000 / 1000)
        answers = [json.loads(observatory(word, *asked, "--json").stdout) for word in ("status", "map", "drift")]
        yield Surveyed(*answers, shown=written(scraped(redis.metrics_port)))


@pytest.mark.skipif(NO_REDIS_EXPORTER is not None, reason=NO_REDIS_EXPORTER or "")
class TestNewerRedisExporter:
    """Streams by an exporter that shows Redis 7's own counts."""

    def test_entries_and_dead_letters_are_counted_as_redis_counts_them(self, streamed: Surveyed) -> None:
        found = {one["sli"]: one for one in streamed.status["objectives"]}["dead_letters"]

        assert (found["good"], found["total"], found["counting"]) == (CHARGED - LETTERS, CHARGED, "exact")
        assert "redis_stream_entries_added_total" in str(streamed.mapping)

    def test_entries_that_wait_are_the_lag(self, streamed: Surveyed) -> None:
        found = {one["sli"]: one for one in streamed.status["objectives"]}["lag"]

        assert found["level"]["worst"] == ORDERS - CHARGED

    def test_a_lag_that_redis_does_not_know_is_written_as_zero_and_said(self, streamed: Surveyed) -> None:
        (unknown,) = (
            number
            for (name, _, labels), number in streamed.shown.items()
            if name == "redis_stream_group_lag" and ("group", "sorter") in labels
        )

        assert unknown == 0
        assert "0 also where Redis cannot tell" in str(streamed.mapping)
