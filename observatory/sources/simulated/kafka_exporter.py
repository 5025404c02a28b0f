"""The Kafka brokers as kafka_exporter shows them: end offsets, committed offsets, lag and members."""

from __future__ import annotations

import numpy as np

from observatory.sources.base import Float64, Int64
from observatory.sources.simulated.estate import CHANNELS, GROUPS, channel_model
from observatory.sources.simulated.scrape import Curve, Exposition, Target, at_edges, totals
from observatory.sources.simulated.truth import Truth

KAFKA_EXPORTER = Target(job="kafka-exporter", instance="kafka-exporter.shop.example:9308")
FIRST_OFFSET = 1_200_000
"""The topics are older than the history."""


def kafka_exporter(truth: Truth) -> Exposition:
    """Series of every exported topic and group, and of the topics that appeared by mistake."""
    curves: list[Curve] = []
    for channel in CHANNELS:
        if channel.system == "kafka" and channel.exported:
            curves += _topic(channel.address, truth.produced[channel.address], FIRST_OFFSET)
    for topic, produced in truth.twins.items():
        curves += _topic(topic, produced, 0, from_first=True)
    members: dict[str, list[Float64]] = {}
    for group in GROUPS:
        channel = channel_model(group.address)
        if channel.system != "kafka" or not channel.exported:
            continue
        served = truth.groups[group.key].served
        for partition in range(served.shape[1]):
            labels = {"consumergroup": group.group, "topic": group.address, "partition": str(partition)}
            committed = totals(served[:, partition], FIRST_OFFSET)
            written = totals(truth.produced[group.address][:, partition], FIRST_OFFSET)
            curves.append(_position("kafka_consumergroup_current_offset", labels, committed))
            curves.append(_level("kafka_consumergroup_lag", labels, written - committed))
        present = np.ones(truth.minutes)
        present[list(truth.down.get(group.service, ()))] = 0.0
        members.setdefault(group.group, []).append(present)
    for name, presences in members.items():
        present = 3.0 * np.max(np.stack(presences), axis=0)
        curves.append(_level("kafka_consumergroup_members", {"consumergroup": name}, at_edges(present)))
    curves.append(_level("kafka_brokers", {}, np.full(truth.minutes + 1, 3.0)))
    return Exposition(target=KAFKA_EXPORTER, curves=tuple(curves))


def _topic(topic: str, produced: Int64, first: float, *, from_first: bool = False) -> list[Curve]:
    minutes, partitions = produced.shape
    exists = np.concatenate([[0], np.cumsum(produced.sum(axis=1))]) > 0 if from_first else np.ones(minutes + 1)
    curves = [
        Curve(
            labels={"__name__": "kafka_topic_partitions", "topic": topic},
            kind="level",
            values=partitions * exists.astype(np.float64),
            from_first=from_first,
        )
    ]
    for partition in range(partitions):
        labels = {"topic": topic, "partition": str(partition)}
        offsets = totals(produced[:, partition], first)
        curves.append(_position("kafka_topic_partition_current_offset", labels, offsets, from_first=from_first))
    return curves


def _position(name: str, labels: dict[str, str], values: Float64, *, from_first: bool = False) -> Curve:
    return Curve(labels={"__name__": name, **labels}, kind="position", values=values, from_first=from_first)


def _level(name: str, labels: dict[str, str], values: Float64) -> Curve:
    return Curve(labels={"__name__": name, **labels}, kind="level", values=values)
