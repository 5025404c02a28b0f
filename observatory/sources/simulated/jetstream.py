"""NATS JetStream as the Prometheus NATS exporter shows it: streams and their consumers."""

from __future__ import annotations

import numpy as np

from observatory.sources.simulated.estate import CHANNELS, GROUPS
from observatory.sources.simulated.scrape import Curve, Exposition, Target, at_edges, totals
from observatory.sources.simulated.truth import Truth

JETSTREAM = Target(job="nats", instance="nats-exporter.shop.example:7777")


def jetstream(truth: Truth) -> Exposition:
    """Positions and pending messages of every stream."""
    curves: list[Curve] = []
    for channel in CHANNELS:
        if not channel.stream:
            continue
        stream = {"stream_name": channel.stream, "is_stream_leader": "true", "account": "shop"}
        last = totals(truth.produced[channel.address][:, 0], 1.0)
        curves.append(Curve(labels={"__name__": "jetstream_stream_last_seq", **stream}, kind="position", values=last))
        for group in GROUPS:
            if group.address != channel.address:
                continue
            told = truth.groups[group.key]
            consumer = {**stream, "consumer_name": group.group, "is_consumer_leader": "true"}
            acknowledged = totals(told.served[:, 0], 1.0)
            pending = at_edges(told.waiting[:, 0])
            curves += [
                Curve(
                    labels={"__name__": "jetstream_consumer_ack_floor_stream_seq", **consumer},
                    kind="position",
                    values=acknowledged,
                ),
                Curve(labels={"__name__": "jetstream_consumer_num_pending", **consumer}, kind="level", values=pending),
                Curve(
                    labels={"__name__": "jetstream_consumer_num_redelivered", **consumer},
                    kind="level",
                    values=np.zeros(truth.minutes + 1),
                ),
            ]
    return Exposition(target=JETSTREAM, curves=tuple(curves))
