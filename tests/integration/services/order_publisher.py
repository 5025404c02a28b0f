"""Publishes orders at a steady rate, with confirms, once `go` comes on stdin; says `sent` when all are out."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pika
from opentelemetry import propagate
from opentelemetry.trace import SpanKind

sys.path.insert(0, str(Path(__file__).parent))
from telemetry import Telemetry


def main(amqp_port: int, metrics_port: int, spans: str, messages: int, per_second: float) -> None:
    """Publish, wait until the counters were scraped, end."""
    telemetry = Telemetry("order-publisher", metrics_port, Path(spans))
    sent = telemetry.meter.create_counter("messaging.client.sent.messages", unit="{message}")
    labels = {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "send",
        "messaging.destination.name": "shop:orders.placed",
    }
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", amqp_port))
    channel = connection.channel()
    channel.confirm_delivery()
    print("ready", flush=True)
    while sys.stdin.readline().strip() != "go":
        pass
    started = time.monotonic()
    for number in range(messages):
        with telemetry.tracer.start_as_current_span(
            "send shop:orders.placed", kind=SpanKind.PRODUCER, attributes={**labels, "messaging.operation.type": "send"}
        ):
            headers: dict[str, str] = {}
            propagate.inject(headers)
            channel.basic_publish(
                "shop",
                "orders.placed",
                json.dumps({"order": number}).encode(),
                pika.BasicProperties(headers=headers, timestamp=int(time.time()), delivery_mode=2),
                mandatory=True,
            )
        sent.add(1, labels)
        ahead = (number + 1) / per_second - (time.monotonic() - started)
        if ahead > 0:
            connection.process_data_events(0)
            time.sleep(ahead)
    telemetry.wait_for_scrapes(3)
    telemetry.close()
    print("sent", flush=True)
    sys.stdin.read()
    connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
