"""What bindings declare, value by value: partitions, replicas, retention, cleanup, quality of service, limits.

Each is a fact with its place, so that it can be compared with what runs. Every plain value of a binding is one, those
that later versions of a binding may add as well. Left out is what describes messages or rights, and who consumes,
which is known as an identity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from observatory.spec.bound import Bound, binding_of
from observatory.spec.bound_values import BindingFact, FactLevel, FactScalar
from observatory.spec.consumers import one_value
from observatory.spec.declared import DeclaredOperation
from observatory.spec.references import Cursor

MAX_FACTS = 200
MAX_DEPTH = 6
_NO_FACTS = frozenset(
    {"bindingVersion", "query", "headers", "properties", "policy", "tags", "labels", "filterPolicy", "deliveryPolicy"}
)
"""Keys that hold schemas of messages, rights, or words for people."""

_IDENTITIES = frozenset({"kafka.groupId", "nats.queue", "sns.consumers", "ros2.node"})

UNITS: dict[str, str] = {
    "kafka.topicConfiguration.retention.ms": "ms",
    "kafka.topicConfiguration.delete.retention.ms": "ms",
    "kafka.topicConfiguration.retention.bytes": "bytes",
    "kafka.topicConfiguration.max.message.bytes": "bytes",
    "amqp.expiration": "ms",
    "mqtt.messageExpiryInterval": "s",
    "mqtt.sessionExpiryInterval": "s",
    "mqtt.keepAlive": "s",
    "mqtt.maximumPacketSize": "bytes",
    "pulsar.retention.time": "min",
    "pulsar.retention.size": "MB",
    "pulsar.compaction": "MB",
    "pulsar.ttl": "s",
    "sqs.queue.deliveryDelay": "s",
    "sqs.queue.visibilityTimeout": "s",
    "sqs.queue.receiveMessageWaitTime": "s",
    "sqs.queue.messageRetentionPeriod": "s",
    "solace.timeToLive": "ms",
    "ibmmq.maxMsgLength": "bytes",
    "ibmmq.heartBeatInterval": "s",
}
"""What numbers count, by key; members of `sqs.queues` and `sqs.deadLetterQueue` count as `sqs.queue` does."""

_JSON_TYPES = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
_USERINFO = re.compile(r"(?<=://)[^/?#@\s]*@")


def channel_facts(
    bound: Bound, document: str, of_servers: dict[object, tuple[BindingFact, ...]]
) -> tuple[BindingFact, ...]:
    """Facts of the channel's own binding, then of its servers' bindings.

    Args:
        of_servers: Facts of the document's servers that are known already, for all its channels; it is added to.
    """
    found = list(_facts(bound.binding, bound.protocol, "channel", document))
    for server in bound.server_bindings():
        key = (bound.protocol, server.identity)
        if key not in of_servers:
            of_servers[key] = tuple(_facts(server, bound.protocol, "server", document))
        found += of_servers[key][: MAX_FACTS - len(found)]
    return tuple(found)


def operation_facts(
    operation: DeclaredOperation, protocol: str | None, document: str, key: str
) -> tuple[BindingFact, ...]:
    """Facts of an operation's binding."""
    binding = binding_of(operation.cursor, protocol or "")
    return tuple(_facts(binding, protocol or "", "operation", document, key))


def _facts(
    binding: Cursor | None, protocol: str, level: FactLevel, document: str, operation: str | None = None
) -> Iterator[BindingFact]:
    if binding is None:
        return
    for count, (key, value, cursor) in enumerate(_leaves(binding, protocol, MAX_DEPTH)):
        if count == MAX_FACTS:
            return
        number = not isinstance(value, str | bool | tuple)
        yield BindingFact(
            key=key,
            value=value,
            unit=UNITS.get(_unit_key(key)) if number else None,
            level=level,
            document=document,
            operation=operation,
            location=cursor.location(),
        )


def _leaves(holder: Cursor, path: str, depth: int) -> Iterator[tuple[str, FactScalar | tuple[FactScalar, ...], Cursor]]:
    """Path, value and place of each plain value below a mapping."""
    for key in holder.keys():  # noqa: SIM118 (merged layers)
        here = f"{path}.{key}"
        if key in _NO_FACTS or here in _IDENTITIES or key.startswith("x-"):
            continue
        if (found := holder.get(key)) is None:
            continue
        value = found.value
        if isinstance(value, dict) and _is_schema(found):
            single = one_value(found)
            if single is not None and isinstance(single.value, FactScalar):
                yield here, _shown(single.value), single
        elif isinstance(value, dict):
            if depth:
                yield from _leaves(found, here, depth - 1)
        elif isinstance(value, list):
            yield from _items(found, here, depth)
        elif isinstance(value, FactScalar):
            yield here, _shown(value), found


def _items(found: Cursor, path: str, depth: int) -> Iterator[tuple[str, FactScalar | tuple[FactScalar, ...], Cursor]]:
    items = list(found.items())
    plain = tuple(_shown(item.value) for item in items if isinstance(item.value, FactScalar))
    if len(plain) == len(items):
        yield path, plain, found
        return
    for index, item in enumerate(items):
        if isinstance(item.value, dict) and depth:
            yield from _leaves(item, f"{path}[{index}]", depth - 1)


def _is_schema(found: Cursor) -> bool:
    """A schema that stands for a value: it has a type of JSON, or a value to choose."""
    return found.text("type") in _JSON_TYPES or any(found.get(key) is not None for key in ("const", "enum"))


def _unit_key(key: str) -> str:
    return (
        key if not key.startswith("sqs.") else re.sub(r"^sqs\.(?:queues\[\d+\]|deadLetterQueue)\.", "sqs.queue.", key)
    )


def _shown(value: FactScalar) -> FactScalar:
    """A value without the credentials that an address in it may hold."""
    return _USERINFO.sub("", value) if isinstance(value, str) else value
