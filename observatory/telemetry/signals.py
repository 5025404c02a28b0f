"""The closed vocabulary: everything that Observatory knows how to count or compare, and in which unit.

Names follow the OpenTelemetry messaging conventions where these have one. A profile maps its metrics to these words and
to no others; everything above this room speaks only of signals.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Instrument = Literal["counter", "distribution", "level", "position", "timestamp"]
BaseUnit = Literal["message", "second", "ratio", "byte", "offset", "request", "run", "consumer", "partition"]
Scope = Literal["producer", "consumer", "channel", "broker", "registry"]


class Signal(Struct, frozen=True):
    """One word of the vocabulary.

    Attributes:
        name: What profiles and indicators write.
        instrument: How values behave; a profile's semantic kind may differ (a counter-like gauge).
        unit: Base unit that every value is scaled to.
        scope: Whose number it is: one producer's, one consumer group's, the channel's, the broker's.
        meaning: One sentence.
    """

    name: str
    instrument: Instrument
    unit: BaseUnit
    scope: Scope
    meaning: str


SIGNALS: dict[str, Signal] = {
    signal.name: signal
    for signal in (
        # producers
        Signal("published_messages", "counter", "message", "producer", "attempts to publish, by outcome"),
        Signal("publish_duration", "distribution", "second", "producer", "duration of the publish call"),
        # consumers
        Signal(
            "delivered_messages",
            "counter",
            "message",
            "consumer",
            "deliveries to a consumer, repeats included",
        ),
        Signal(
            "acknowledged_messages",
            "counter",
            "message",
            "consumer",
            "deliveries that the consumer acknowledged",
        ),
        Signal("processed_messages", "counter", "message", "consumer", "messages handled, by outcome"),
        Signal("process_duration", "distribution", "second", "consumer", "duration of handling one message"),
        Signal("end_to_end_latency", "distribution", "second", "consumer", "from publish to consume, per message"),
        Signal("redelivered_messages", "counter", "message", "consumer", "deliveries that were repeats"),
        Signal("duplicate_messages", "counter", "message", "consumer", "messages recognised as processed before"),
        Signal(
            "dead_lettered_messages",
            "counter",
            "message",
            "consumer",
            "messages moved to the dead-letter channel",
        ),
        Signal(
            "validated_messages",
            "counter",
            "message",
            "consumer",
            "messages checked against the schema, by outcome",
        ),
        Signal("committed_offset", "position", "offset", "consumer", "next offset that the group will read"),
        Signal("consumer_lag", "level", "message", "consumer", "messages that wait for the group"),
        Signal(
            "consumer_lag_time",
            "level",
            "second",
            "consumer",
            "age of the group's position, where it is exported",
        ),
        Signal("group_members", "level", "consumer", "consumer", "members of the group"),
        # the channel as a whole
        Signal("produced_offset", "position", "offset", "channel", "next offset that will be written"),
        Signal("oldest_offset", "position", "offset", "channel", "first offset still kept"),
        Signal("queue_depth", "level", "message", "channel", "messages that wait or are in flight"),
        Signal("queue_ready", "level", "message", "channel", "messages that wait for delivery"),
        Signal(
            "head_timestamp",
            "timestamp",
            "second",
            "channel",
            "when the oldest waiting message was published",
        ),
        Signal("queue_consumers", "level", "consumer", "channel", "consumers attached to the queue"),
        Signal("enqueued_messages", "counter", "message", "channel", "messages that reached the queue or log"),
        Signal(
            "unroutable_messages",
            "counter",
            "message",
            "channel",
            "messages that no binding or subscriber took",
        ),
        Signal("partitions", "level", "partition", "channel", "number of partitions"),
        Signal("replicas", "level", "partition", "channel", "replicas of a partition"),
        Signal("contract_tests", "counter", "run", "channel", "contract test runs, by outcome"),
        Signal(
            "authorization_attempts",
            "counter",
            "request",
            "channel",
            "attempts that were authorised or refused",
        ),
        # the broker and its neighbours
        Signal("broker_load", "level", "ratio", "broker", "share of the scarcest resource in use, 0..1"),
        Signal("broker_memory_used", "level", "byte", "broker", "memory in use"),
        Signal("broker_memory_limit", "level", "byte", "broker", "memory at which the broker blocks publishers"),
        Signal("registry_requests", "counter", "request", "registry", "schema registry requests, by outcome"),
        Signal(
            "registry_request_duration",
            "distribution",
            "second",
            "registry",
            "duration of a registry request",
        ),
        Signal(
            "registry_latency",
            "level",
            "second",
            "registry",
            "duration of slow registry requests lately, a quantile that the registry computed",
        ),
        Signal(
            "registry_checks",
            "counter",
            "request",
            "registry",
            "schemas that the registry judged, by outcome: an error is one refused as incompatible or invalid",
        ),
    )
}


def is_a_count(signal: str) -> bool:
    """Whether levels of the signal add up over partitions: messages do, seconds and shares do not."""
    word = SIGNALS.get(signal)
    return word is not None and word.unit == "message"
