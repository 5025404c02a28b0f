"""A living Kafka seen through each exporter alone: lag in messages and seconds, dead letters, and the map.

A producer writes twenty messages a second, a group reads them, stands still for twelve seconds, catches up, and leaves
thirty messages unread at the end. Seven messages went to the dead-letter topic.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from integration import kafka_server
from integration.kafka_exporters import EXPORTERS, alone
from observatory_process import observatory

DOCUMENT = Path(__file__).parent / "kafka" / "payments.yaml"
TOPIC, LETTERS, GROUP = "orders.v1", "orders.v1.dlq", "payments-v1"
PARTITIONS, PER_SECOND, PAUSE_SECONDS, UNREAD, DEAD = 3, 20, 12.0, 30, 7
SCRAPE_SECONDS = 1.0
# The document's window is no whole number of minutes, so that steps are five seconds long.
STEP_SECONDS = 5.0

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@dataclass
class Seen:
    """What the commands said about the broker where one exporter is alone, and what was truly read."""

    profile: str
    status: dict[str, Any]
    mapping: dict[str, Any]
    story: Story

    def objective(self, name: str) -> dict[str, Any]:
        (found,) = [one for one in self.status["objectives"] if one["id"].endswith("/" + name)]
        return found


class Producer(threading.Thread):
    """Writes round robin to the partitions at an even pace until it is told to end."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__()
        from kafka import KafkaProducer

        self.client = KafkaProducer(bootstrap_servers=bootstrap)
        self.ending = threading.Event()
        self.sent = 0

    def run(self) -> None:
        began = time.monotonic()
        while not self.ending.wait(max(0.0, began + self.sent / PER_SECOND - time.monotonic())):
            self.write(1)
        self.client.flush()

    def write(self, count: int) -> None:
        for _ in range(count):
            self.client.send(TOPIC, b"{}", partition=self.sent % PARTITIONS)
            self.sent += 1


def read(consumer: Any, seconds: float) -> int:
    """Read and commit for a while; how many messages that were."""
    count, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        records = consumer.poll(200)
        if records:
            count += sum(map(len, records.values()))
            consumer.commit()
    return count


@dataclass
class Story:
    """How many messages the group read, when it began, and the instant at which thirty were left."""

    read: int
    began_ms: int
    at_ms: int


def tell_the_story(bootstrap: str) -> Story:
    from kafka import KafkaAdminClient, KafkaConsumer
    from kafka.admin import NewTopic

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1), NewTopic(LETTERS, 1, 1)])
    admin.close()
    consumer = KafkaConsumer(
        TOPIC,
        bootstrap_servers=bootstrap,
        group_id=GROUP,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    # The exporter shows the topics, and the window begins, before the first message is written.
    count = read(consumer, 8)
    producer = Producer(bootstrap)
    began_ms = time.time_ns() // 1_000_000
    producer.start()
    count += read(consumer, 34)
    for _ in range(DEAD):
        producer.client.send(LETTERS, b"{}")
    time.sleep(PAUSE_SECONDS)
    count += read(consumer, 12)
    producer.ending.set()
    producer.join()
    while count < producer.sent:
        count += read(consumer, 0.5)
    producer.write(UNREAD)
    producer.client.flush()
    # A step of the window is five seconds; the last one holds nothing but these thirty.
    time.sleep(7.5)
    at_ms = time.time_ns() // 1_000_000 // 1000 * 1000
    consumer.close()
    producer.client.close()
    return Story(count, began_ms, at_ms)


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Seen]]:
    """What was said, by profile, of those exporters that are here; no broker where none of them is."""
    if lacking := kafka_server.missing_broker():
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("kafka")
    with alone(folder) as (bootstrap, servers):
        story = tell_the_story(bootstrap) if servers else Story(0, 0, 0)
        found = {}
        for name, server in servers.items():
            arguments = (DOCUMENT, "--prometheus", server.url, "--at", story.at_ms // 1000, "--json")
            status, mapping = observatory("status", *arguments), observatory("map", *arguments)
            assert status.stdout, status.stderr
            assert mapping.stdout, mapping.stderr
            found[name] = Seen(name, json.loads(status.stdout), json.loads(mapping.stdout), story)
        yield found


@pytest.fixture(scope="module", params=list(EXPORTERS))
def seen(request: pytest.FixtureRequest, every: dict[str, Seen]) -> Seen:
    if lacking := EXPORTERS[request.param].missing():
        pytest.skip(lacking)
    return every[request.param]


def test_lag_in_messages_is_what_was_left_unread(seen: Seen) -> None:
    backlog = seen.objective("backlog")
    assert backlog["profile"] == seen.profile
    assert backlog["level"]["unit"] == "message"
    assert backlog["level"]["last"] == UNREAD


def test_the_worst_backlog_is_that_of_the_pause(seen: Seen) -> None:
    worst = seen.objective("backlog")["level"]["worst"]
    paused = PER_SECOND * PAUSE_SECONDS
    assert paused - 2 * PER_SECOND <= worst <= paused + 3 * PER_SECOND


def test_lag_in_seconds_reaches_the_length_of_the_pause_within_two_scrapes(seen: Seen) -> None:
    fresh = seen.objective("fresh")
    assert fresh["level"]["unit"] == "second"
    assert abs(fresh["level"]["worst"] - PAUSE_SECONDS) <= 2 * SCRAPE_SECONDS + 1


def test_time_behind_is_counted_in_slices_of_the_window(seen: Seen) -> None:
    fresh = seen.objective("fresh")
    seen_seconds = (seen.story.at_ms - seen.story.began_ms) / 1000
    assert fresh["total"] == pytest.approx(seen_seconds / STEP_SECONDS, abs=2)
    # More than five seconds behind from the sixth second of the pause until the backlog is read, in steps of five.
    assert 1 <= fresh["total"] - fresh["good"] <= 4
    assert fresh["coverage"] == pytest.approx(seen_seconds / 85, abs=0.1)


def test_dead_letters_are_counted_from_their_topic(seen: Seen) -> None:
    letters = seen.objective("dead_letters")
    assert letters["total"] - letters["good"] == DEAD
    # No broker counts what consumers handled: all that was written is the total, and the status says so.
    assert (letters["total"], letters["proxy"]) == (seen.story.read + UNREAD, True)


def test_the_map_names_the_exporter_and_its_series_as_live(seen: Seen) -> None:
    (orders,) = [channel for channel in seen.mapping["channels"] if channel["address"] == TOPIC]
    live = {entry["signal"]: entry["profile"] for entry in orders["signals"] if entry["state"] == "live"}
    wanted = ["produced_offset", "consumer_lag", "acknowledged_messages"]
    # KMinion shows the sum of a group's commits and none by partition; lag and ends give these.
    wanted += ["committed_offset"] * (seen.profile != "kminion")
    assert {signal: live.get(signal) for signal in wanted} == dict.fromkeys(wanted, seen.profile)
