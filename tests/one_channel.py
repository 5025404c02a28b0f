"""Documents of one channel with one promise, and the labels of the client metrics that measure it."""

from __future__ import annotations

BILLING = """\
asyncapi: 3.0.0
info: {title: Billing, version: 1.0.0, x-service-name: billing}
x-slo-defaults: {window: 3d}
servers: {kafka: {host: 'kafka.example:9092', protocol: kafka}}
channels: {orders: {address: orders.v1}}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-slo: {availability: 99%}
"""
BILLED = {"job": "billing", "instance": "a:1", "messaging_destination_name": "orders.v1", "messaging_system": "kafka"}
"""Labels of its consumer, without the metric's name."""
PROCESSED = "messaging_process_duration_seconds_count"

REFUNDS = """\
asyncapi: 3.0.0
info: {title: Refunds, version: 1.0.0, x-service-name: ledger}
x-slo-defaults: {window: 3d}
servers: {kafka: {host: 'kafka.example:9092', protocol: kafka}}
channels: {refunds: {address: refunds.v1, messages: {refund: {payload: {type: object}}}}}
operations:
  writeRefunds:
    action: send
    channel: {$ref: '#/channels/refunds'}
    x-slo: {availability: 99.9%}
"""
REFUNDED = {
    "__name__": "messaging_client_sent_messages_total",
    "job": "ledger",
    "instance": "ledger-0:9464",
    "messaging_destination_name": "refunds.v1",
    "messaging_system": "kafka",
}
"""Labels of what its producer sent."""
