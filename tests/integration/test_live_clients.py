"""Living Java clients by Micrometer against a living broker: a producer, a consumer of 3.9 and Kafka Streams."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_server
import pytest
from integration import kafka_server

HERE = Path(__file__).parent / "kafka"
DOCUMENTS = [HERE / "clients.yaml", HERE / "clients-billing.yaml", HERE / "clients-audit.yaml"]
JARS = kafka_server.CACHE / "kafka-clients-3.9.1"
TOPIC, MESSAGES, APPLICATIONS = "orders.v1", 200, ("shop", "billing", "audit")
SENT = f'kafka_producer_topic_record_send_total{{topic="{TOPIC}"}} >= {MESSAGES}'
READ = f'kafka_consumer_fetch_manager_records_consumed_total{{topic="orders_v1"}} >= {MESSAGES}'
DELAY = "kafka_stream_processor_node_record_e2e_latency_max > 0"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def observatory(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "observatory", *map(str, arguments), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.stdout, ended.stderr
    return dict(json.loads(ended.stdout))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """What `map` and `status` say once all messages were written and read."""
    if not JARS.is_dir() or not shutil.which("javac"):
        pytest.skip("not run here: `make live` brings the jars of the clients, and a JDK runs them")
    if lacking := kafka_server.missing_broker():
        pytest.skip(lacking)
    from kafka import KafkaAdminClient
    from kafka.admin import NewTopic

    folder = tmp_path_factory.mktemp("clients")
    port = kafka_server.free_port()
    jobs = [
        {"job_name": name, "metrics_path": f"/{name}", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        for name in APPLICATIONS
    ]
    config = json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs})
    with kafka_server.broker(folder / "broker") as bootstrap:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        admin.create_topics([NewTopic(TOPIC, 3, 1)])
        admin.close()
        clients = ["java", "-Xmx256m", "-cp", f"{JARS}/*", str(HERE / "Clients.java")]
        arguments = [bootstrap, str(port), TOPIC, str(MESSAGES)]
        with (
            kafka_server.running([*clients, *arguments], folder / "clients.log"),
            prometheus_server.start(folder / "prometheus", config=config) as server,
        ):
            for condition in (SENT, READ, DELAY):
                server.wait_for(condition, seconds=90)
            at = int(time.time()) + 1
            asked = (*DOCUMENTS, "--prometheus", server.url, "--at", at)
            yield {command: observatory(command, *asked) for command in ("map", "status")}


def entry(seen: dict[str, dict[str, Any]], service: str, signal: str) -> dict[str, Any]:
    (orders,) = seen["map"]["channels"]
    (found,) = [one for one in orders["signals"] if (one["service"], one["signal"]) == (service, signal)]
    return dict(found)


def test_every_message_that_was_sent_is_counted_and_none_failed(seen: dict[str, dict[str, Any]]) -> None:
    (availability,) = [one for one in seen["status"]["objectives"] if one["sli"] == "availability"]

    assert availability["profile"] == "kafka_client_micrometer"
    assert (availability["good"], availability["total"]) == (MESSAGES, MESSAGES)


def test_the_dotted_topic_of_an_older_consumer_is_found_and_told(seen: dict[str, dict[str, Any]]) -> None:
    found = entry(seen, "billing", "delivered_messages")

    assert (found["state"], found["profile"], found["count"]) == ("live", "kafka_client_micrometer", 1)
    assert any(caveat.startswith("topic orders_v1 stands for orders.v1") for caveat in found["caveats"])


def test_the_position_of_each_partition_stands_in_for_lag(seen: dict[str, dict[str, Any]]) -> None:
    found = entry(seen, "billing", "consumer_lag")

    assert (found["state"], found["profile"], found["count"]) == ("live", "kafka_client_micrometer", 3)


def test_a_streams_application_with_one_channel_shows_its_delay(seen: dict[str, dict[str, Any]]) -> None:
    found = entry(seen, "audit", "consumer_lag_time")

    # Three tasks, each with a source and a terminal node.
    assert (found["state"], found["profile"], found["count"]) == ("live", "kafka_streams", 6)
    assert entry(seen, "billing", "consumer_lag_time")["state"] != "live"
