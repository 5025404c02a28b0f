"""Series of four exporters over two hours, at a 15 s scrape that lies off the minute, and a document that they measure.

Every objective has a window of one hour.
"""

from __future__ import annotations

from collections.abc import Iterator

import prometheus_server

END_MS = 1_795_000_000_000 - 1_795_000_000_000 % 60_000
FIRST_MS = END_MS - 7_200_000 + 7_000
TIMES = list(range(FIRST_MS, END_MS + 1, 15_000))
STEPS = range(len(TIMES))
# Samples inside (end - 1 h, end], and the last one before them: an increment belongs to the later sample.
INSIDE = [step for step in STEPS if TIMES[step] > END_MS - 3_600_000]
BEFORE = INSIDE[0] - 1

DOCUMENT = """\
asyncapi: 3.0.0
info:
  title: Four exporters
  version: 1.0.0
  x-service-name: ledger
x-slo-defaults: {window: 1h}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
  rabbit: {host: 'rabbit.example', protocol: amqp}
channels:
  orders:
    address: orders.v1
    servers: [{$ref: '#/servers/kafka'}]
    messages: {order: {payload: {type: object}}}
  invoices:
    address: invoices
    servers: [{$ref: '#/servers/kafka'}]
    messages: {invoice: {payload: {type: object}}}
  refunds:
    address: refunds
    servers: [{$ref: '#/servers/kafka'}]
    messages: {refund: {payload: {type: object}}}
  audit:
    address: audit.trail
    servers: [{$ref: '#/servers/rabbit'}]
    bindings: {amqp: {is: queue, queue: {name: audit.trail}}}
    messages: {entry: {payload: {type: object}}}
  nowhere:
    address: nowhere.v1
    servers: [{$ref: '#/servers/kafka'}]
    messages: {thing: {payload: {type: object}}}
operations:
  readOrders:
    action: receive
    channel: {$ref: '#/channels/orders'}
    bindings: {kafka: {groupId: {type: string, const: ledger-v1}}}
    x-slo: [{sli: lag, threshold: 60s, target: 95%}, {sli: lag, threshold: 1000 messages, target: 95%, name: backlog}]
  readInvoices:
    action: receive
    channel: {$ref: '#/channels/invoices'}
    x-slo: {availability: 99%, latency: {threshold: 250ms, target: 90%}}
  writeRefunds:
    action: send
    channel: {$ref: '#/channels/refunds'}
    x-slo: {availability: 99.9%}
  readAudit:
    action: receive
    channel: {$ref: '#/channels/audit'}
    x-slo: [{sli: lag, threshold: 2m, target: 99%}]
  readNowhere:
    action: receive
    channel: {$ref: '#/channels/nowhere'}
    x-slo: {availability: 99%}
"""

# kafka_exporter: 10 messages a second on each of two partitions; partition 1 is not read for ten minutes.
STALL = range(len(TIMES) - 120, len(TIMES) - 80)
PRODUCED = [1_000 + 150 * step for step in STEPS]
COMMITTED_1 = [PRODUCED[STALL[0]] if step in STALL else PRODUCED[step] for step in STEPS]
# Partition 0 is always 400 messages behind its head, which no time slice may lose from the group's lag.
COMMITTED_0 = [end - 400 for end in PRODUCED]
# spanmetrics: 30 consumer spans a scrape, a failure in every tenth scrape, whose series is born with the first one.
FAILURES = [sum(1 for earlier in range(step + 1) if earlier % 10 == 9) for step in STEPS]
# OpenTelemetry without suffixes: the publisher restarts half way into the window and counts from 40 again.
RESTART = INSIDE[len(INSIDE) // 2]
SENT = [20.0 * step if step < RESTART else 40.0 + 20.0 * (step - RESTART) for step in STEPS]


def series() -> Iterator[prometheus_server.Series]:
    exporter = {"job": "kafka", "instance": "exporter:9308", "topic": "orders.v1"}
    group = exporter | {"consumergroup": "ledger-v1"}
    for partition, committed in (("0", COMMITTED_0), ("1", COMMITTED_1)):
        at = {"partition": partition}
        yield exporter | at | {"__name__": "kafka_topic_partition_current_offset"}, TIMES, PRODUCED
        yield group | at | {"__name__": "kafka_consumergroup_current_offset"}, TIMES, committed
        lag = [end - read for end, read in zip(PRODUCED, committed, strict=True)]
        yield group | at | {"__name__": "kafka_consumergroup_lag"}, TIMES, lag
    collector = {"job": "collector", "instance": "collector:8889", "service_name": "ledger"}
    span = collector | {"span_name": "process invoices", "span_kind": "SPAN_KIND_CONSUMER"}
    calls = span | {"__name__": "traces_span_metrics_calls_total"}
    yield calls | {"status_code": "STATUS_CODE_UNSET"}, TIMES, [30.0 * step for step in STEPS]
    born = FAILURES.index(1)
    yield calls | {"status_code": "STATUS_CODE_ERROR"}, TIMES[born:], FAILURES[born:]
    bucket = span | {"__name__": "traces_span_metrics_duration_milliseconds_bucket", "status_code": "STATUS_CODE_UNSET"}
    for bound, share in (("100", 10.0), ("250", 24.0), ("500", 30.0), ("+Inf", 30.0)):
        yield bucket | {"le": bound}, TIMES, [share * step for step in STEPS]
    yield (
        bucket | {"__name__": "traces_span_metrics_duration_milliseconds_count"},
        TIMES,
        [30.0 * step for step in STEPS],
    )
    sender = {"job": "ledger", "instance": "ledger-0:9464", "messaging_destination_name": "refunds"}
    sent = sender | {"__name__": "messaging_client_sent_messages", "messaging_system": "kafka"}
    yield sent, TIMES, SENT
    rabbit = {"job": "rabbit", "instance": "rabbit:15692", "vhost": "/", "queue": "audit.trail"}
    yield rabbit | {"__name__": "rabbitmq_detailed_queue_messages_ready"}, TIMES, [5.0 for _ in STEPS]
    yield rabbit | {"__name__": "rabbitmq_detailed_queue_messages"}, TIMES, [5.0 for _ in STEPS]
    head = [(TIMES[step] / 1000 - (300 if step in STALL else 10)) for step in STEPS]
    yield rabbit | {"__name__": "rabbitmq_detailed_queue_head_message_timestamp"}, TIMES, head
    for job in ("kafka", "collector", "ledger", "rabbit"):
        instance = {"kafka": "exporter:9308", "collector": "collector:8889", "ledger": "ledger-0:9464"}.get(job)
        yield {"__name__": "up", "job": job, "instance": instance or "rabbit:15692"}, TIMES, [1.0 for _ in STEPS]
