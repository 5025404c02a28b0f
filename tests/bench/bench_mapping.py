"""Mapping a catalogue of growing size: seconds of CPU, and requests, which do not grow with channels.

python tests/bench/bench_mapping.py [most channels, 10000 unless given]
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from telemetry.documents import catalog, channel, names
from telemetry.exposition import Series, answer

from observatory.spec.catalog import Catalog
from observatory.telemetry.discovery import wanted
from observatory.telemetry.mapping import map_catalog
from observatory.telemetry.profile import load_profiles

PARTITIONS = 4
QUEUE_METRICS = ("messages", "messages_ready", "consumers", "messages_acked_total")


def estate(size: int) -> tuple[Catalog, list[Series]]:
    """Half Kafka topics with kafka_exporter, half RabbitMQ queues, all with OpenTelemetry metrics."""
    channels = [
        channel("kafka", names(topic=f"topic.{number}"))
        if number % 2
        else channel("amqp", names(queue=f"queue.{number}"))
        for number in range(size)
    ]
    documents = catalog(
        channels,
        sends={f"sender-{number}": one.id for number, one in enumerate(channels)},
        receives={f"reader-{number}": (one.id, f"group-{number}") for number, one in enumerate(channels)},
    )
    series: list[Series] = []
    for number, one in enumerate(channels):
        name = one.address or ""
        for partition in map(str, range(PARTITIONS)) if number % 2 else ():
            topic = {"topic": name, "partition": partition}
            series.append(("kafka_topic_partition_current_offset", topic))
            committed = {**topic, "consumergroup": f"group-{number}"}
            series += [("kafka_consumergroup_current_offset", committed), ("kafka_consumergroup_lag", committed)]
        if not number % 2:
            queue = {"queue": name, "vhost": "/"}
            series += [(f"rabbitmq_queue_{metric}", queue) for metric in QUEUE_METRICS]
        handled = {"messaging_destination_name": name, "job": f"reader-{number}"}
        series += [
            ("messaging_process_duration_seconds_bucket", {**handled, "le": le}) for le in ("0.1", "1.0", "+Inf")
        ]
        series.append(("messaging_process_duration_seconds_count", handled))
        series.append(("messaging_client_sent_messages_total", {**handled, "job": f"sender-{number}"}))
    return documents, series


def main() -> None:
    """Print one line per size."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    profiles = load_profiles()
    for size in (size for size in (100, 1_000, 10_000) if size <= most):
        documents, series = estate(size)
        request = wanted(profiles, frozenset(name for name, _ in series))
        inventory = answer(series, request)
        began = time.process_time()
        result = map_catalog(documents, profiles, [inventory])
        seconds = time.process_time() - began
        live = sum(1 for one in result.resolutions.values() if one.chosen and one.chosen.liveness == "live")
        print(
            f"{size:>6} channels  {len(series):>7} series  {len(request.labels):>3} requests  "
            f"{seconds:7.2f} s CPU  {live:>6} live of {len(result.resolutions)}"
        )
    if most < 10_000:
        tracemalloc.start()
        map_catalog(documents, profiles, [inventory])
        print(f"peak {tracemalloc.get_traced_memory()[1] / 1e6:.0f} MB for {size} channels")


if __name__ == "__main__":
    main()
