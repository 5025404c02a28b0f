"""Redis streams, NATS JetStream and Mosquitto, living, under one Prometheus: counts and lag equal what was done.

200 orders go into a Redis stream and 300 through JetStream within a moment. Each consumer takes a part of them at
once and the rest after a pause. Observatory sees only what Prometheus scraped: from the exporters of NATS and Mosquitto
where these are on the path, and from what stands for them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prometheus_server
import pytest
from integration import mosquitto_server, nats_server, redis_server, small_servers

DOCUMENTS = Path(__file__).parent / "small_brokers"
PAUSE_SECONDS = 7
REDIS_ORDERS, REDIS_AT_ONCE, DEAD = 200, 150, 7
NATS_ORDERS, NATS_AT_ONCE, NATS_LATER, NATS_UNANSWERED = 300, 180, 95, 5
AUDITED, REFUSED, REFUSED_AGAIN = 10, 3, 1
DOORS = 25

LACKING = small_servers.missing("redis-server", "prometheus-redis-exporter", "nats-server", "mosquitto")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.skipif(LACKING is not None, reason=LACKING or ""),
]


@dataclass
class Seen:
    """What the commands say once it is over."""

    status: dict[str, Any]
    mapping: dict[str, Any]
    server: prometheus_server.PrometheusServer
    at_ms: int

    def objective(self, document: str, sli: str) -> dict[str, Any]:
        (found,) = [one for one in self.status["objectives"] if (one["document"], one["sli"]) == (document, sli)]
        return found

    def signal(self, subject: str, signal: str) -> dict[str, Any]:
        (found,) = [
            one
            for channel in self.mapping["channels"]
            for one in channel["signals"]
            if (one["subject"], one["signal"]) == (subject, signal)
        ]
        return dict(found)


def observatory(*arguments: object) -> dict[str, Any]:
    """A command as a user runs it, its answer read."""
    ended = subprocess.run(
        [sys.executable, "-m", "observatory", *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.stdout, ended.stderr
    return dict(json.loads(ended.stdout))


@pytest.fixture(scope="module", params=small_servers.both_ways(nats_server.EXPORTER, mosquitto_server.EXPORTER))
def seen(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("small-brokers")
    with (
        redis_server.redis(folder / "redis") as redis,
        nats_server.nats(folder / "nats", exporter=request.param) as nats,
        nats_server.connected(nats) as client,
        mosquitto_server.mosquitto(folder / "mosquitto", exporter=request.param) as mosquitto,
    ):
        redis.commands(
            "XGROUP CREATE orders billing $ MKSTREAM",
            "XGROUP CREATE orders.dlq nobody $ MKSTREAM",
            "XADD orders * order 0",
            "XREADGROUP GROUP billing one COUNT 1 NOACK STREAMS orders >",
        )
        client.api("STREAM.CREATE.ORDERS", {"name": "ORDERS", "subjects": ["orders.>"], "storage": "memory"})
        for name in ("billing", "auditing"):
            durable = {"durable_name": name, "ack_policy": "explicit", "ack_wait": 300_000_000_000}
            client.api(f"CONSUMER.DURABLE.CREATE.ORDERS.{name}", {"stream_name": "ORDERS", "config": durable})
        targets = {"redis": redis.metrics_port, "nats": nats.metrics_port, "mosquitto": mosquitto.metrics_port}
        jobs = "".join(
            f"  - {{job_name: {job}, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
            for job, port in targets.items()
        )
        (folder / "prometheus").mkdir()
        config = f"global:\n  scrape_interval: 1s\nscrape_configs:\n{jobs}"
        with prometheus_server.start(folder / "prometheus", config=config) as server:
            server.wait_for("count(sum_over_time(up[1m]) >= 2) == 3 and on () broker_uptime > 0")
            redis.commands(*(f"XADD orders * order {number}" for number in range(1, REDIS_ORDERS + 1)))
            redis.commands(f"XREADGROUP GROUP billing one COUNT {REDIS_AT_ONCE} NOACK STREAMS orders >")
            redis.commands(*(f"XADD orders.dlq * order {number}" for number in range(DEAD)))
            for number in range(NATS_ORDERS):
                client.publish("orders.placed", str(number).encode())
            for reply in client.fetch("ORDERS", "billing", NATS_AT_ONCE):
                client.publish(reply, b"+ACK")
            publisher = mosquitto_server.Client(mosquitto.port, "doors")
            for number in range(DOORS):
                publisher.publish("fleet/doors", str(number).encode())
            publisher.close()
            time.sleep(PAUSE_SECONDS)
            redis.commands("XREADGROUP GROUP billing one COUNT 1000 NOACK STREAMS orders >")
            later = client.fetch("ORDERS", "billing", NATS_LATER)
            for reply in later[:-NATS_UNANSWERED]:
                client.publish(reply, b"+ACK")
            audited = client.fetch("ORDERS", "auditing", AUDITED)
            for reply in audited[REFUSED:]:
                client.publish(reply, b"+ACK")
            for reply in audited[:REFUSED]:
                client.refuse(reply)
            for reply in client.fetch("ORDERS", "auditing", REFUSED)[REFUSED_AGAIN:]:
                client.publish(reply, b"+ACK")
            time.sleep(2.5)
            at_ms = round(time.time()) * 1000
            asked = (DOCUMENTS, "--prometheus", server.url, "--at", at_ms / 1000)
            yield Seen(observatory("status", *asked), observatory("map", *asked), server, at_ms)


def test_entries_of_a_stream_and_its_dead_letters_are_counted(seen: Seen) -> None:
    found = seen.objective("redis-billing", "dead_letters")

    assert (found["good"], found["total"]) == (REDIS_ORDERS - DEAD, REDIS_ORDERS)
    assert (found["profile"], found["counting"]) == ("redis_exporter", "exact")


def test_a_group_of_a_stream_is_as_late_as_its_oldest_unread_entry(seen: Seen) -> None:
    lag = seen.objective("redis-billing", "lag")

    assert lag["level"]["worst"] == pytest.approx(PAUSE_SECONDS, abs=2)
    assert (lag["good"], lag["profile"]) == (0.0, "redis_exporter")


def test_the_dead_letter_stream_is_found_by_its_name_and_said(seen: Seen) -> None:
    found = seen.signal("redis-billing/chargeOrder", "dead_lettered_messages")

    assert "dead letters go to orders.dlq, by the convention {}.dlq" in found["reason"]


def test_deliveries_of_jetstream_and_their_acknowledgements_are_counted(seen: Seen) -> None:
    found = seen.objective("nats-billing", "availability")
    delivered = NATS_AT_ONCE + NATS_LATER

    assert (found["good"], found["total"]) == (delivered - NATS_UNANSWERED, delivered)
    assert found["profile"] == "nats"


def test_what_a_consumer_of_jetstream_has_not_got_is_its_lag(seen: Seen) -> None:
    lag = seen.objective("nats-billing", "lag")

    assert lag["level"]["worst"] == NATS_ORDERS - NATS_AT_ONCE
    assert (lag["good"], lag["profile"]) == (0.0, "nats")


def test_a_refused_delivery_of_jetstream_is_delivered_again_and_counted_so(seen: Seen) -> None:
    found = seen.objective("nats-auditing", "availability")
    shown = {
        name: float(value["value"][1])  # type: ignore[index]
        for name in ("num_pending", "num_ack_pending", "num_redelivered")
        for value in seen.server.query(f'jetstream_consumer_{name}{{consumer_name="auditing"}}', seen.at_ms)
    }

    assert shown == {
        "num_pending": NATS_ORDERS - AUDITED,
        "num_ack_pending": REFUSED_AGAIN,
        "num_redelivered": REFUSED_AGAIN,
    }
    assert found["total"] == AUDITED + REFUSED


def test_mosquitto_counts_what_it_was_sent_and_no_channel_claims_it(seen: Seen) -> None:
    (received,) = seen.server.query("broker_publish_messages_received", seen.at_ms)
    found = seen.objective("gateway", "availability")

    assert float(received["value"][1]) == DOORS  # type: ignore[index]
    assert (found["state"], found["total"]) == ("unmapped", None)


def test_the_map_says_what_mosquitto_shows_and_what_would_show_the_rest(seen: Seen) -> None:
    memory = seen.signal("mqtt:fleet/doors", "broker_memory_used")
    arrivals = seen.signal("mqtt:fleet/doors", "enqueued_messages")

    assert memory["profile"] == "mosquitto"
    assert "mosquitto: the broker has no numbers per topic; emit OpenTelemetry messaging metrics" in arrivals["reason"]
