"""Consumes orders; some fail, some of these are rejected into the dead-letter queue.

Commands on stdin, one a line: `pause`, `resume`, `stop`. Each message that was handled is one line of JSON in
the journal, which is the truth that the test compares with.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pika
from opentelemetry import propagate
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, get_current_span

sys.path.insert(0, str(Path(__file__).parent))
from telemetry import Telemetry

BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
FAILING = frozenset(range(100, 4100, 100))  # 40 orders
REJECTED = frozenset(range(400, 4400, 400))  # 10 of them go to the dead-letter queue
TIMEOUTS = frozenset({100, 4000})  # one before the restart and one after it: the same value, counted twice


def main(amqp_port: int, metrics_port: int, spans: str, journal: str) -> None:
    """Consume until told to stop, then wait until the counters were scraped."""
    telemetry = Telemetry("billing", metrics_port, Path(spans))
    consumed = telemetry.meter.create_counter("messaging.client.consumed.messages", unit="{message}")
    duration = telemetry.meter.create_histogram(
        "messaging.process.duration", unit="s", explicit_bucket_boundaries_advisory=BOUNDARIES
    )
    labels = {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "process",
        "messaging.destination.name": "shop:orders.placed:billing.orders",
    }
    wanted = {"paused": False, "stop": False}

    def obey() -> None:
        for line in sys.stdin:
            match line.strip():
                case "pause":
                    wanted["paused"] = True
                case "resume":
                    wanted["paused"] = False
                case "stop":
                    wanted["stop"] = True
        wanted["stop"] = True

    threading.Thread(target=obey, daemon=True).start()
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", amqp_port))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=20)
    book = Path(journal).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - held until the end

    def handle(_: Any, method: Any, properties: Any, body: bytes) -> None:
        order = json.loads(body)["order"]
        context = propagate.extract(properties.headers)
        creation = get_current_span(context).get_span_context()
        began = time.perf_counter()
        with telemetry.tracer.start_as_current_span(
            "process shop:orders.placed:billing.orders",
            context=context,
            kind=SpanKind.CONSUMER,
            links=[Link(creation)],
            attributes={**labels, "messaging.operation.type": "process"},
        ) as span:
            failure = None
            if order in FAILING:
                failure = "Timeout" if order in TIMEOUTS else "InvalidCard"
                span.set_status(Status(StatusCode.ERROR))
                span.set_attribute("error.type", failure)
        outcome = {**labels, "error.type": failure} if failure else labels
        duration.record(time.perf_counter() - began, outcome)
        consumed.add(1, labels)
        if order in REJECTED:
            channel.basic_reject(method.delivery_tag, requeue=False)
        else:
            channel.basic_ack(method.delivery_tag)
        book.write(json.dumps({"order": order, "failure": failure, "trace": f"{creation.trace_id:032x}"}) + "\n")

    tag = channel.basic_consume("billing.orders", handle)
    print("ready", flush=True)
    while not wanted["stop"]:
        if wanted["paused"] and tag:
            channel.basic_cancel(tag)
            tag = ""
        elif not wanted["paused"] and not tag:
            tag = channel.basic_consume("billing.orders", handle)
        connection.process_data_events(time_limit=0.05)
    if tag:
        channel.basic_cancel(tag)
    book.close()
    # The broker's own counters end with its channel; stay until they and ours were scraped.
    telemetry.wait_for_scrapes(4)
    connection.close()
    telemetry.close()
    print("stopped", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
