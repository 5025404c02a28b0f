"""The RabbitMQ node as its own plugin shows it, metrics per object (4.x names)."""

from __future__ import annotations

import numpy as np

from observatory.sources.base import Float64, Int64
from observatory.sources.simulated.estate import CHANNELS, GROUPS
from observatory.sources.simulated.load import MINUTE_MS
from observatory.sources.simulated.scrape import Curve, Exposition, Target, at_edges, totals
from observatory.sources.simulated.truth import Truth

RABBITMQ = Target(job="rabbitmq", instance="rabbitmq.shop.example:15692", process="rabbitmq")
MEMORY_LIMIT = 6.4e9
DEAD_LETTERS_CLEARED_AT = 6 * 60
"""Minute of the day (UTC) at which people empty the dead-letter queues by hand."""


def rabbitmq(truth: Truth) -> Exposition:
    """Queues, exchanges and the memory of the node."""
    curves: list[Curve] = []
    for channel in CHANNELS:
        if channel.system != "rabbitmq":
            continue
        group = next((truth.groups[one.key] for one in GROUPS if one.address == channel.address), None)
        arrived = truth.produced[channel.address][:, 0]
        queue = group.model.group if group else channel.address
        labels = {"vhost": "/", "queue": queue}
        if group is None:
            depth, waits = _uncollected(truth, arrived), np.zeros(truth.minutes)
        else:
            depth, waits = group.waiting[:, 0].astype(np.float64), group.behind[:, 0]
        minute_ends = truth.start_ms / 1000 + np.arange(1, truth.minutes + 1) * (MINUTE_MS / 1000)
        consumers = np.full(truth.minutes, 0.0 if group is None else 4.0)
        if group is not None:
            consumers[list(truth.down.get(group.model.service, ()))] = 0.0
        unacknowledged = np.minimum(depth, 20.0) if group is not None else np.zeros(truth.minutes)
        curves += [
            _level("rabbitmq_queue_messages", labels, depth),
            _level("rabbitmq_queue_messages_ready", labels, depth - unacknowledged),
            _level("rabbitmq_queue_messages_unacked", labels, unacknowledged),
            _level("rabbitmq_queue_consumers", labels, consumers),
            _counter(
                "rabbitmq_queue_exchange_messages_published_total",
                {**labels, "exchange": _exchange(channel.destination)},
                arrived,
            ),
        ]
        if group is not None:
            curves += [
                _level("rabbitmq_queue_head_message_timestamp", labels, np.where(depth > 0, minute_ends - waits, 0.0)),
                _counter("rabbitmq_queue_messages_delivered_ack_total", labels, group.processed),
                _counter("rabbitmq_queue_messages_acked_total", labels, group.processed - group.dead_lettered),
                _counter("rabbitmq_queue_messages_redelivered_total", labels, group.duplicates),
            ]
    published: dict[str, Int64] = {}
    unroutable: dict[str, Int64] = {}
    for channel in CHANNELS:
        if channel.system == "rabbitmq":
            exchange = _exchange(channel.destination)
            zero = np.zeros(truth.minutes, np.int64)
            for (_, address), publisher in truth.publishers.items():
                if address == channel.address:
                    published[exchange] = published.get(exchange, zero) + publisher.accepted
                    unroutable[exchange] = unroutable.get(exchange, zero) + publisher.unroutable
    for exchange in sorted(published):
        labels = {"vhost": "/", "exchange": exchange}
        curves.append(_counter("rabbitmq_exchange_messages_published_total", labels, published[exchange]))
        curves.append(_counter("rabbitmq_exchange_messages_unroutable_dropped_total", labels, unroutable[exchange]))
    curves.append(_level("rabbitmq_process_resident_memory_bytes", {}, np.floor(truth.rabbitmq_load * MEMORY_LIMIT)))
    curves.append(_level("rabbitmq_resident_memory_limit_bytes", {}, np.full(truth.minutes, MEMORY_LIMIT)))
    return Exposition(target=RABBITMQ, curves=tuple(curves))


def _uncollected(truth: Truth, arrived: Int64) -> Float64:
    """Depth of a queue that nobody consumes and that is emptied by hand once a day."""
    total = np.cumsum(arrived)
    clock = np.arange(truth.first_minute + 1, truth.first_minute + truth.minutes + 1) % 1440
    cleared = np.where(clock == DEAD_LETTERS_CLEARED_AT, total, 0)
    return (total - np.maximum.accumulate(cleared)).astype(np.float64)


def _exchange(destination: str) -> str:
    """The exchange in `exchange:routing key`; the default exchange has an empty name."""
    return destination.partition(":")[0]


def _counter(name: str, labels: dict[str, str], per_minute: Int64) -> Curve:
    return Curve(labels={"__name__": name, **labels}, kind="counter", values=totals(per_minute))


def _level(name: str, labels: dict[str, str], per_minute: Float64) -> Curve:
    return Curve(labels={"__name__": name, **labels}, kind="level", values=at_edges(per_minute))
