"""Messaging attributes of every generation of the OpenTelemetry conventions, read into one shape.

The conventions renamed most attributes twice, and the old names are still the default of many instrumentations. For
each concept the first name present wins, newest first. The span's name is asked only when no attribute answers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from observatory.sources.base import Span

SYSTEM = ("messaging.system.name", "messaging.system")
DESTINATION = (
    "messaging.destination.name",
    "messaging.destination",
    "messaging.source.name",
    "messaging.destination.template",
)
OPERATION_TYPE = ("messaging.operation.type", "messaging.operation")
OPERATION_NAME = ("messaging.operation.name",)
CONSUMER_GROUP = (
    "messaging.consumer.group.name",
    "messaging.kafka.consumer.group",
    "messaging.eventhubs.consumer.group",
    "messaging.rocketmq.client_group",
    "messaging.kafka.consumer_group",
    "messaging.destination.subscription.name",
    "messaging.servicebus.destination.subscription_name",
)
PARTITION = (
    "messaging.destination.partition.id",
    "messaging.kafka.destination.partition",
    "messaging.kafka.source.partition",
    "messaging.kafka.partition",
)
OFFSET = ("kafka.offset", "messaging.kafka.offset", "messaging.kafka.message.offset")
MESSAGE_ID = ("messaging.message.id", "messaging.message_id")
BATCH_COUNT = ("messaging.batch.message_count",)

OPERATIONS = {
    "create": "create",
    "send": "send",
    "publish": "send",
    "produce": "send",
    "receive": "receive",
    "recv": "receive",
    "poll": "receive",
    "consume": "receive",
    "process": "process",
    "deliver": "process",
    "settle": "settle",
    "ack": "settle",
    "nack": "settle",
    "reject": "settle",
    "commit": "settle",
}
"""Words that stand for an operation, in attributes and in names."""
_SYSTEMS = {"amazonsqs": "aws_sqs", "aws.sqs": "aws_sqs", "aws sqs": "aws_sqs"}
_THRESHOLD = re.compile(r"(?:^|;)th:([0-9a-f]{1,14})(?:;|$)")
_P_VALUE = re.compile(r"(?:^|;)p:(\d{1,2})(?:;|$)")


def messaging_span(
    *,
    trace_id: str,
    span_id: str,
    parent_span_id: str,
    name: str,
    kind: str,
    start_ns: int,
    end_ns: int,
    attributes: Mapping[str, str],
    resource: Mapping[str, str],
    trace_state: str = "",
    links: Sequence[tuple[str, str]] = (),
    status: str = "unset",
    exception: str = "",
    exception_escaped: bool = False,
) -> Span:
    """A span with its messaging facts read out.

    Args:
        status: `unset`, `ok` or `error`.
        exception: Type of the exception that an event of the span tells of, empty without one.
        exception_escaped: Whether it left the span; a handled one is no error by itself.
        resource: Attributes of the process; kept beside the span's own, which win.
    """
    operation, role = operation_and_role(kind, name, attributes)
    failure = attributes.get("error.type", "")
    error = status == "error" or (status == "unset" and (bool(failure) or exception_escaped))
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_span_id,
        name=name,
        kind=kind,
        service=resource.get("service.name") or attributes.get("service.name", ""),
        start_ns=start_ns,
        end_ns=max(start_ns, end_ns),
        error=error,
        error_type=(failure or exception or attributes.get("exception.type", "")) if error else "",
        system=_system(attributes),
        destination=first(attributes, DESTINATION) or (destination_in(name) if role else ""),
        consumer_group=first(attributes, CONSUMER_GROUP) if role == "consumer" else "",
        links=tuple(links),
        attributes={**resource, **attributes},
        operation=operation,
        operation_name=first(attributes, OPERATION_NAME),
        partition=first(attributes, PARTITION),
        offset=first(attributes, OFFSET),
        message_id=first(attributes, MESSAGE_ID),
        batch_count=_count(first(attributes, BATCH_COUNT)),
        weight=weight_of(trace_state),
    )


def first(attributes: Mapping[str, str], names: Sequence[str]) -> str:
    """The first attribute that is there and not empty, else an empty string."""
    for name in names:
        if value := attributes.get(name):
            return value
    return ""


def operation_and_role(kind: str, name: str, attributes: Mapping[str, str]) -> tuple[str, str]:
    """What the span did to messages, and on which side it stands: producer, consumer, or neither.

    Attributes win over the kind, the kind over the name. A receive span is CLIENT by the newer conventions and
    CONSUMER in practice; both stand on the consumer's side.
    """
    word = first(attributes, OPERATION_TYPE).lower()
    operation = OPERATIONS.get(word) or OPERATIONS.get(first(attributes, OPERATION_NAME).lower(), "")
    messaging = kind in ("producer", "consumer") or any(attributes.get(name) for name in (*SYSTEM, *DESTINATION))
    if not messaging:
        return "", ""
    operation = operation or _operation_in(name)
    return side(kind, operation)


def side(kind: str, operation: str) -> tuple[str, str]:
    """Operation and role, made to agree: a PRODUCER span sends, a CONSUMER span receives, processes or settles."""
    if kind == "producer":
        return (operation if operation in ("create", "send") else "send"), "producer"
    if kind == "consumer":
        if operation == "settle":
            return operation, ""
        return (operation if operation in ("receive", "process") else "process"), "consumer"
    if kind == "server" or operation in ("", "settle"):
        return operation, ""
    return operation, "producer" if operation in ("create", "send") else "consumer"


def destination_in(name: str) -> str:
    """The destination in a span name: `send orders`, or the older `orders send`; empty when it has neither form."""
    words = name.split()
    if len(words) < 2:
        return ""
    if words[0].lower() in OPERATIONS:
        return " ".join(words[1:])
    return " ".join(words[:-1]) if words[-1].lower() in OPERATIONS else ""


def _operation_in(name: str) -> str:
    words = name.lower().split()
    return (OPERATIONS.get(words[0]) or OPERATIONS.get(words[-1]) or "") if words else ""


def _system(attributes: Mapping[str, str]) -> str:
    text = first(attributes, SYSTEM).lower()
    return _SYSTEMS.get(text, text)


def _count(text: str) -> int | None:
    return min(int(text), 2**31 - 1) if text.isascii() and text.isdigit() else None


def weight_of(trace_state: str) -> float:
    """How many spans one span stands for, from the `ot` entry of its trace state; 1 where it does not say.

    `th:` is the rejection threshold of consistent sampling: up to 14 hexadecimal digits, read as a fraction of 2^56
    with trailing zeros left out; the weight is 1 / (1 - fraction). `p:n`, the older scheme, means 2^n, and p:63 means
    that the span stands for nothing. (OpenTelemetry specification, "TraceState: Probability Sampling".)
    """
    for entry in trace_state.split(","):
        key, _, value = entry.strip().partition("=")
        if key != "ot":
            continue
        if found := _THRESHOLD.search(value):
            rejected = int(found[1].ljust(14, "0"), 16)
            return 2**56 / (2**56 - rejected)
        if found := _P_VALUE.search(value):
            power = int(found[1])
            return 0.0 if power >= 63 else math.ldexp(1.0, power)
    return 1.0
