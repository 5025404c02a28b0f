"""Mapping estates of 100, 1,000 and 10,000 channels against a Prometheus with a million series.

python tests/bench/bench_mapping.py [most channels, 10000] [series of the server, 1000000]

The server is Debian's Prometheus on blocks made beforehand: half of the channels are Kafka topics with kafka_exporter,
half RabbitMQ queues, all with OpenTelemetry metrics; the other series are of metrics that no profile knows. Each line
is a process of its own: requests, seconds of CPU and peak memory of discovery and mapping, from the catalogue in
memory to the mapping in memory.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import prometheus_server
from telemetry.documents import catalog, channel, names

from observatory.settings import PrometheusSettings
from observatory.sources.prometheus import PrometheusSource
from observatory.spec.catalog import Catalog
from observatory.telemetry.profile import load_profiles
from observatory.telemetry.survey import survey
from observatory.windows import TimeRange

AT_MS = 1_790_000_000_000
PARTITIONS = 6
CHANNELS = 10_000
QUEUE_METRICS = ("messages", "messages_ready", "consumers", "messages_acked_total")
LE = ("0.1", "1.0", "10.0", "+Inf")


def documents(size: int) -> Catalog:
    """Half Kafka topics, half RabbitMQ queues, each with a producer and a consumer."""
    channels = [
        channel("kafka", names(topic=f"topic.{number}"))
        if number % 2
        else channel("amqp", names(queue=f"queue.{number}"))
        for number in range(size)
    ]
    return catalog(
        channels,
        sends={f"sender-{number}": one.id for number, one in enumerate(channels)},
        receives={f"reader-{number}": (one.id, f"group-{number}") for number, one in enumerate(channels)},
    )


def series_of_channels() -> Iterator[str]:
    """Selectors of what the exporters of all channels show."""
    for number in range(CHANNELS):
        kafka = number % 2
        name = f"topic.{number}" if kafka else f"queue.{number}"
        at = f'instance="i{number % 3}"'
        for partition in range(PARTITIONS) if kafka else ():
            topic = f'topic="{name}",partition="{partition}",job="kafka",cluster="eu-1",{at}'
            for metric in ("current_offset", "oldest_offset", "replicas"):
                yield f"kafka_topic_partition_{metric}{{{topic}}}"
            for metric in ("current_offset", "lag"):
                yield f'kafka_consumergroup_{metric}{{{topic},consumergroup="group-{number}"}}'
        if not kafka:
            queue = f'queue="{name}",vhost="/",job="rabbitmq",{at}'
            for metric in QUEUE_METRICS:
                yield f"rabbitmq_queue_{metric}{{{queue}}}"
        handled = f'messaging_destination_name="{name}",job="reader-{number}",{at}'
        for le in LE:
            yield f'messaging_process_duration_seconds_bucket{{{handled},le="{le}"}}'
        yield f"messaging_process_duration_seconds_count{{{handled}}}"
        yield f'messaging_client_sent_messages_total{{messaging_destination_name="{name}",job="sender-{number}",{at}}}'


def history(total: int) -> str:
    """One sample of every series, as OpenMetrics."""
    selectors = list(series_of_channels())[:total]
    rest = total - len(selectors)
    selectors += [f'unrelated_{number % 2_000}_total{{pod="p{number // 2_000}"}}' for number in range(rest)]
    when = f"{(AT_MS - 60_000) / 1000:.3f}"
    return "\n".join([*(f"{selector} 1 {when}" for selector in sorted(selectors)), "# EOF", ""])


def measured(size: int, url: str) -> dict[str, float]:
    """Discovery and mapping of one estate, in this process."""
    profiles = load_profiles()
    estate = documents(size)
    source = PrometheusSource(PrometheusSettings(url=url, timeout_seconds=120))
    asked = 0
    whole = source.connection.session._send

    def counting(*arguments: object) -> object:
        nonlocal asked
        asked += 1
        return whole(*arguments)  # type: ignore[arg-type]

    source.connection.session._send = counting  # type: ignore[assignment, method-assign]
    gc.collect()
    gc.disable()  # as the commands do
    cpu, wall = time.process_time(), time.perf_counter()
    found = survey(estate, profiles, [source], [], TimeRange(AT_MS - 3_600_000, AT_MS))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    live = sum(1 for one in found.mapping.resolutions.values() if one.chosen and one.chosen.liveness == "live")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    unit = time.process_time()
    sum(number & 1 for number in range(10_000_000))
    return {
        "requests": asked,
        "cpu": cpu,
        "wall": wall,
        "peak_mb": peak_mb,
        "live": live,
        "of": len(found.mapping.resolutions),
        "profiles": len(found.recognised),
        "unit": time.process_time() - unit,
    }


def main() -> None:
    """Print one line per size."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measured(int(sys.argv[2]), sys.argv[3])))
        return
    most, total = (int(text) for text in (sys.argv[1:] + ["10000", "1000000"][len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory() as folder:
        print(f"making a Prometheus with {total:,} series", file=sys.stderr)
        with prometheus_server.start(Path(folder), history=history(total)) as server:
            for size in (size for size in (100, 1_000, 10_000) if size <= most):
                command = [sys.executable, __file__, "--one", str(size), server.url]
                one = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                print(
                    f"{size:>6} channels  {one['requests']:>3} requests  {one['cpu']:6.2f} s CPU  "
                    f"{one['wall']:6.1f} s in all  {one['peak_mb']:4.0f} MB  {one['live']:>6} live of {one['of']}  "
                    f"(ten million additions on this machine now: {one['unit']:.2f} s)"
                )


if __name__ == "__main__":
    main()
