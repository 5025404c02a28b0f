"""A living RabbitMQ whose document describes it wrongly on purpose: drift finds exactly these faults."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pika
import prometheus_server
import pytest
from integration.rabbitmq_server import RabbitMQ, rabbitmq
from integration.wrong_documents import Answer, drift, faults, job, only, scraping, unowned

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
FAMILIES = ["exchange_names", "exchange_bindings"]
DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Billing, version: 1.0.0, x-service-name: billing, x-owner: {team: billing}}
servers:
  rabbit: {host: 'rabbit.example:5672', protocol: amqp}
channels:
  orders:    # right: the queue, its exchange and its consumer
    address: billing.orders
    bindings: {amqp: {is: queue, queue: {name: billing.orders, vhost: /}}}
    messages: {one: {payload: {type: object}}}
  events:    # wrong: the exchange is a direct one
    address: orders.placed
    bindings: {amqp: {is: routingKey, exchange: {name: shop, type: topic, vhost: /}}}
    messages: {one: {payload: {type: object}}}
  invoices:  # wrong: what runs is called billing_invoice
    address: billing.invoices
    bindings: {amqp: {is: queue, queue: {name: billing.invoices, vhost: /}}}
    messages: {one: {payload: {type: object}}}
  returns:   # wrong: there is no such queue
    address: billing.returns
    bindings: {amqp: {is: queue, queue: {name: billing.returns, vhost: /}}}
    messages: {one: {payload: {type: object}}}
  audit:     # wrong: nothing is ever sent to it
    address: billing.audit
    bindings: {amqp: {is: queue, queue: {name: billing.audit, vhost: /}}}
    messages: {one: {payload: {type: object}}}
  mails:     # wrong: nobody consumes it
    address: billing.mails
    bindings: {amqp: {is: queue, queue: {name: billing.mails, vhost: /, autoDelete: true}}}
    messages: {one: {payload: {type: object}}}
operations:
  placed: {action: send, channel: {$ref: '#/channels/events'}}
  onOrder: {action: receive, channel: {$ref: '#/channels/orders'}}
  onInvoice: {action: receive, channel: {$ref: '#/channels/invoices'}}
  onReturn: {action: receive, channel: {$ref: '#/channels/returns'}}
  sendAudit: {action: send, channel: {$ref: '#/channels/audit'}}
  onMail: {action: receive, channel: {$ref: '#/channels/mails'}}
"""
UNOWNED = unowned("amqp", {"amqp": {"is": "queue", "queue": {"name": "loose.ends", "vhost": "/"}}})
QUEUES = ("billing.orders", "billing_invoice", "billing.audit", "billing.mails", "loose.ends", "experiments")
SILENT = "billing.audit"


def live(broker: RabbitMQ, server: prometheus_server.PrometheusServer) -> int:
    """Queues with traffic in two parts that scrapes lie between, one with a consumer; when it was all scraped."""
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", broker.amqp_port))
    channel = connection.channel()
    channel.exchange_declare("shop", "direct", durable=True)
    for queue in (*QUEUES, "billing.orders.dlq"):
        channel.queue_declare(queue, durable=True)
    channel.queue_bind("billing.orders", "shop", "orders.placed")
    channel.basic_consume("billing.orders", lambda c, m, _p, _b: c.basic_ack(m.delivery_tag))
    for part in (1, 2):
        for _ in range(10):
            channel.basic_publish("shop", "orders.placed", b"x")
            for queue in QUEUES:
                if queue not in (SILENT, "billing.orders"):
                    channel.basic_publish("", queue, b"x")
        connection.process_data_events(time_limit=1)
        _wait_for(server, f'rabbitmq_queue_messages_published_total{{queue="experiments"}} == {part * 10}', connection)
    _wait_for(server, 'rabbitmq_queue_consumers{queue="billing.orders"} == 1', connection)
    _wait_for(server, 'rabbitmq_cluster_exchange_name{exchange="shop"}', connection)
    at_ms = int(time.time() * 1000)
    connection.close()
    return at_ms


def _wait_for(server: prometheus_server.PrometheusServer, expression: str, connection: pika.BlockingConnection) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        connection.process_data_events(time_limit=0.2)
        if server.query(expression):
            return
    raise TimeoutError(expression)


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    folder = tmp_path_factory.mktemp("drift")
    with rabbitmq(folder / "rabbitmq") as broker:
        port = broker.metrics_port
        detailed = job("rabbitmq-detailed", port, metrics_path="/metrics/detailed", params={"family": FAMILIES})
        with scraping(folder / "prometheus", job("rabbitmq", port), detailed) as server:
            at_ms = live(broker, server)
            documents = {"billing.yaml": DOCUMENT, "loose.json": UNOWNED}
            yield drift(folder / "documents", documents, server.url, at_ms)


def test_every_fault_of_the_document_is_found_and_no_other(answer: Answer) -> None:
    assert faults(answer) == {
        ("misnamed", "amqp:billing.invoices"),
        ("binding", "amqp:orders.placed"),
        ("undeclared-channel", "experiments"),
        ("silent-channel", "amqp:billing.returns"),
        ("silent-channel", "amqp:billing.audit"),
        ("silent-operation", "billing/onMail"),
        ("owner-missing", "amqp:loose.ends"),
    }


def test_the_type_of_the_exchange_is_read_from_the_broker(answer: Answer) -> None:
    assert only(answer, "binding")["binding"] == {
        "key": "amqp.exchange.type",
        "declared": "topic",
        "observed": "direct",
    }


def test_the_misnamed_queue_comes_with_the_messages_that_went_there(answer: Answer) -> None:
    one = only(answer, "misnamed")

    assert "billing_invoice" in one["message"]
    assert one["observed"]["messages"] >= 10


def test_exchanges_of_the_broker_and_dead_letters_are_left_aside(answer: Answer) -> None:
    aside = {one["name"]: one["reason"] for one in answer["set_aside"]}

    assert aside["billing.orders.dlq"] == "dead letters of amqp:billing.orders"
    assert {"amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.topic"} <= aside.keys()


def test_an_argument_of_a_queue_that_the_broker_does_not_tell_is_said(answer: Answer) -> None:
    assert answer["not_compared"] == [
        {
            "key": "amqp.queue.autoDelete",
            "places": 1,
            "reason": "not observable: the broker's metrics name a queue and not its arguments",
        }
    ]
