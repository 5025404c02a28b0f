"""RabbitMQ by rabbitmq_exporter, which asks the management API: counts equal what was done, drift finds what is wrong.

60 orders; 1 is taken with automatic acknowledgement, 40 are acknowledged, 3 are refused and become dead letters.

The exporter is neither in Debian nor brought by `make live`: it runs where it is on the path.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika
import prometheus_server
import pytest
from integration.rabbitmq_server import RabbitMQ, free_port, rabbitmq
from integration.small_servers import absent, running
from integration.wrong_documents import drift, faults, job, only, scraping, unowned
from observatory_process import observatory

EXPORTER = "rabbitmq_exporter"
LACKING = absent(EXPORTER)
pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.skipif(LACKING is not None, reason=LACKING or ""),
]
DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Billing, version: 1.0.0, x-service-name: billing, x-owner: {team: billing}}
x-slo-defaults: {window: 1m}
servers:
  rabbit: {host: 'rabbit.example:5672', protocol: amqp}
channels:
  orders:    # wrong: the queue is durable, and nobody is subscribed to it
    address: billing.orders
    bindings: {amqp: {is: queue, queue: {name: billing.orders, vhost: /, durable: false}}}
    messages: {one: {payload: {type: object}}}
  invoices:  # wrong: what runs is called billing_invoices
    address: billing.invoices
    bindings: {amqp: {is: queue, queue: {name: billing.invoices, vhost: /}}}
    messages: {one: {payload: {type: object}}}
  returns:   # wrong: there is no such queue
    address: billing.returns
    bindings: {amqp: {is: queue, queue: {name: billing.returns, vhost: /}}}
    messages: {one: {payload: {type: object}}}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-slo:
      - {sli: availability, target: 99%}
      - {sli: dead_letters, target: 99%}
      - {sli: lag, threshold: 5 messages, target: 50%}
  onInvoice: {action: receive, channel: {$ref: '#/channels/invoices'}}
  onReturn: {action: receive, channel: {$ref: '#/channels/returns'}}
"""
UNOWNED = unowned("amqp", {"amqp": {"is": "queue", "queue": {"name": "loose.ends", "vhost": "/"}}})
ORDERS, AUTOMATIC, ACKNOWLEDGED, DEAD = 60, 1, 40, 3
LEFT = ORDERS - AUTOMATIC - ACKNOWLEDGED - DEAD
STRANGERS = ("billing_invoices", "loose.ends", "experiments")


@dataclass
class Seen:
    """What the commands say once it is over."""

    status: dict[str, Any]
    drift: dict[str, Any]

    def objective(self, sli: str) -> dict[str, Any]:
        (found,) = [one for one in self.status["objectives"] if one["sli"] == sli]
        return found


@contextmanager
def exporting(folder: Path, broker: RabbitMQ) -> Iterator[int]:
    """The port of the exporter of a running broker."""
    port = free_port()
    told = {
        "RABBIT_URL": f"http://127.0.0.1:{broker.management_port}",
        "PUBLISH_ADDR": "127.0.0.1",
        "PUBLISH_PORT": str(port),
        "RABBIT_EXPORTERS": "exchange,node,overview,queue",
    }
    with running([EXPORTER], folder, lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2), told):
        yield port


def live(broker: RabbitMQ, server: prometheus_server.PrometheusServer) -> float:
    """What happens, in two parts that scrapes lie between; when all of it was scraped, in seconds."""
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", broker.amqp_port)) as connection:
        channel = connection.channel()
        letters = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "billing.orders.dlq"}
        channel.queue_declare("billing.orders", durable=True, arguments=letters)
        for queue in ("billing.orders.dlq", *STRANGERS):
            channel.queue_declare(queue, durable=True)
        for queue in ("billing.orders", *STRANGERS):
            channel.basic_publish("", queue, b"before")
        assert channel.basic_get("billing.orders", auto_ack=True)[0]
        server.wait_for('rabbitmq_queue_messages_get_noack_total{queue="billing.orders"} == 1', seconds=60)
        server.wait_for('rabbitmq_queue_messages_published_total{queue="experiments"} == 1', seconds=60)
        for number in range(1, ORDERS):
            channel.basic_publish("", "billing.orders", str(number).encode())
            for queue in STRANGERS:
                channel.basic_publish("", queue, b"x")
        for number in range(DEAD + ACKNOWLEDGED):
            method = channel.basic_get("billing.orders")[0]
            if number < DEAD:
                channel.basic_reject(method.delivery_tag, requeue=False)
            else:
                channel.basic_ack(method.delivery_tag)
        server.wait_for(f'rabbitmq_queue_messages_ack_total{{queue="billing.orders"}} == {ACKNOWLEDGED}', seconds=60)
        server.wait_for(f'rabbitmq_queue_messages{{queue="billing.orders.dlq"}} == {DEAD}', seconds=60)
        server.wait_for(f'rabbitmq_queue_messages{{queue="billing.orders"}} == {LEFT}', seconds=60)
        return time.time_ns() // 1_000_000 / 1000


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("rabbitmq-exporter")
    with (
        rabbitmq(folder / "rabbitmq", management=True) as broker,
        exporting(folder / "exporter", broker) as port,
        scraping(folder / "prometheus", job("rabbitmq", port)) as server,
    ):
        at = live(broker, server)
        documents = {"billing.yaml": DOCUMENT, "loose.json": UNOWNED}
        found = drift(folder / "documents", documents, server.url, round(at * 1000))
        asked = (folder / "documents", "--prometheus", server.url, "--at", at, "--json")
        yield Seen(json.loads(observatory("status", *asked).stdout), found)


def test_deliveries_and_acknowledgements_are_counted(seen: Seen) -> None:
    found = seen.objective("availability")

    assert (found["good"], found["total"]) == (AUTOMATIC + ACKNOWLEDGED, AUTOMATIC + ACKNOWLEDGED + DEAD)
    assert (found["profile"], found["counting"]) == ("rabbitmq_exporter_kbudde", "exact")


def test_dead_letters_are_the_rises_of_their_queue(seen: Seen) -> None:
    found = seen.objective("dead_letters")

    assert found["total"] - found["good"] == DEAD
    assert found["profile"] == "rabbitmq_exporter_kbudde"


def test_what_waits_is_the_lag(seen: Seen) -> None:
    assert seen.objective("lag")["level"]["worst"] >= LEFT


def test_every_fault_of_the_document_is_found_and_no_other(seen: Seen) -> None:
    assert faults(seen.drift) == {
        ("misnamed", "amqp:billing.invoices"),
        ("binding", "amqp:billing.orders"),
        ("undeclared-channel", "experiments"),
        ("silent-channel", "amqp:billing.returns"),
        ("silent-operation", "billing/onOrder"),
        ("owner-missing", "amqp:loose.ends"),
    }


def test_a_queue_that_is_durable_and_declared_otherwise_is_found(seen: Seen) -> None:
    assert only(seen.drift, "binding")["binding"] == {
        "key": "amqp.queue.durable",
        "declared": "false",
        "observed": "true",
    }
