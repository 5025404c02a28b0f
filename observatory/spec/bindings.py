"""Runtime names: by which names a broker knows what a document calls a channel, and who consumes it.

One function per protocol says where its bindings put the name; what a binding leaves open comes from the address.
Nothing is invented: a channel whose address is open and whose binding says nothing has no name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import get_args
from urllib.parse import unquote

from observatory.location import Location
from observatory.spec.catalog import NameKind, RuntimeName
from observatory.spec.declared import DeclaredChannel, DeclaredOperation
from observatory.spec.references import Cursor
from observatory.spec.servers import family_of
from observatory.spec.templates import runtime_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What is known about the names of one channel.

    Attributes:
        address: The name that stands for the channel in the catalogue; None where it is open.
        names: Best first.
        dead_letter: Address that a binding declares for what cannot be processed.
    """

    address: str | None
    names: tuple[RuntimeName, ...]
    dead_letter: str | None = None


@dataclass(frozen=True, slots=True)
class _Subject:
    """One channel seen through one protocol."""

    protocol: str
    channel: DeclaredChannel
    operations: Sequence[DeclaredOperation]

    @property
    def binding(self) -> Cursor | None:
        """The channel binding."""
        return binding_of(self.channel.cursor, self.protocol)

    def operation_bindings(self) -> Iterator[Cursor]:
        for operation in self.operations:
            if (found := binding_of(operation.cursor, self.protocol)) is not None:
                yield found

    def server_binding(self) -> Cursor | None:
        found = (binding_of(server.cursor, self.protocol) for server in self.channel.servers)
        return next((one for one in found if one is not None), None)

    def name(self, kind: NameKind, text: str, provenance: str, location: Location | None) -> RuntimeName:
        return runtime_name(
            kind, text, provenance, protocol=self.protocol, enums=self.channel.enums(), location=location
        )

    def address(self, kind: NameKind) -> list[RuntimeName]:
        """The channel's address as a name; nothing where it is open or empty."""
        channel = self.channel
        if not channel.address:
            return []
        at = address_location(channel)
        return [self.name(kind, channel.address, channel.address_from, at)]

    def bound(self, holder: Cursor | None, key: str, kind: NameKind, called: str) -> list[RuntimeName]:
        """A name that a binding holds under a key."""
        text = holder.text(key) if holder else None
        if not text or holder is None:
            return []
        return [self.name(kind, text, f"{called} binding", holder.location(key))]


def address_location(channel: DeclaredChannel) -> Location:
    """Where the address of a channel is written."""
    if channel.address_from == "address":
        return channel.cursor.location("address")
    if channel.address_from == "overlay" and (overlay := channel.cursor.references.overlay_of(channel.cursor)):
        return overlay.location("address")
    return channel.key_cursor.location(key=True)


def binding_of(holder: Cursor, protocol: str) -> Cursor | None:
    """The binding of an object for a protocol, whichever spelling of the protocol it uses."""
    bindings = holder.get("bindings")
    if bindings is None or not isinstance(bindings.value, dict):
        return None
    for key in bindings.keys():  # noqa: SIM118 (merged layers)
        if family_of(key) == protocol:
            found = bindings.get(key)
            return found if found is not None and isinstance(found.value, dict) else None
    return None


def protocols_of(channel: DeclaredChannel, operations: Sequence[DeclaredOperation]) -> list[str]:
    """Protocols that a channel may be on, likeliest first: of servers that bindings agree with, servers, bindings."""
    served = [server.server.protocol for server in channel.servers if server.server.protocol]
    bound: list[str] = []
    for holder in [channel.cursor, *(operation.cursor for operation in operations)]:
        bindings = holder.get("bindings")
        bound += [family_of(key) for key in (bindings.keys() if bindings else []) if not key.startswith("x-")]
    agreed = [protocol for protocol in served if protocol in bound]
    return list(dict.fromkeys([*agreed, *served, *bound]))


def naming_of(channel: DeclaredChannel, operations: Sequence[DeclaredOperation], protocol: str | None) -> Naming:
    """Names of a channel on a protocol, by that protocol's bindings."""
    subject = _Subject(protocol or "", channel, operations)
    names = [*_corrected(subject), *_NAMERS.get(protocol or "", _anything)(subject)]
    unique = tuple(dict.fromkeys(names))
    address = _chosen_address(protocol, unique)
    return Naming(address=address, names=unique, dead_letter=_dead_letter(subject))


def _chosen_address(protocol: str | None, names: Sequence[RuntimeName]) -> str | None:
    # A queue stands for what waits in it; the channel on these brokers is the topic or key that messages are sent to.
    order: Sequence[NameKind] = ()
    if protocol == "solace":
        order = ("topic", "queue")
    elif protocol == "amqp":
        order = ("queue", "routing_key", "exchange")
    for kind in order:
        for name in names:
            if name.kind == kind and (
                kind != "queue" or protocol != "amqp" or "default exchange" not in name.provenance
            ):
                return name.value
    return names[0].value if names and not order else None


def _corrected(subject: _Subject) -> list[RuntimeName]:
    """Names that an overlay gives, for what bindings cannot express: the queue behind a routing key."""
    overlay = subject.channel.cursor.references.overlay_of(subject.channel.cursor)
    names = overlay.get("names") if overlay else None
    found: list[RuntimeName] = []
    for kind in get_args(NameKind):
        found += subject.bound(names, kind, kind, "overlay")
    return [replace(name, provenance="overlay") for name in found]


def _dead_letter(subject: _Subject) -> str | None:
    if subject.protocol != "sqs":
        return None
    holders = [subject.binding, *subject.operation_bindings()]
    for holder in holders:
        queue = holder.get("queue") if holder else None
        queues = holder.get("queues") if holder else None
        places: list[Cursor | None] = [holder, queue, *(queues.items() if queues else ())]
        for place in places:
            policy = place.get("redrivePolicy") if place else None
            for owner in (place, policy):
                letter = owner.get("deadLetterQueue") if owner else None
                found = letter.text("name") if letter else None
                if found is not None:
                    return found
    return None


def _kafka(subject: _Subject) -> list[RuntimeName]:
    return subject.bound(subject.binding, "topic", "topic", "kafka.topic") or subject.address("topic")


def _amqp(subject: _Subject) -> list[RuntimeName]:
    binding = subject.binding
    queue = binding.get("queue") if binding else None
    exchange = binding.get("exchange") if binding else None
    kind = binding.text("is") if binding else None
    vhosts = subject.bound(queue, "vhost", "vhost", "amqp.queue.vhost")
    vhosts += subject.bound(exchange, "vhost", "vhost", "amqp.exchange.vhost")
    vhosts += [
        subject.name("vhost", unquote(server.path.strip("/")), "server address", server.server.location)
        for server in subject.channel.servers
        if server.path.strip("/")
    ]
    if kind == "queue":
        names = subject.bound(queue, "name", "queue", "amqp.queue.name") or subject.address("queue")
        return [*names, *vhosts[:1]]
    keys = subject.address("routing_key")
    exchanges = subject.bound(exchange, "name", "exchange", "amqp.exchange.name")
    for operation in subject.operation_bindings():
        copies = operation.get("cc")
        for text in copies.value if copies and isinstance(copies.value, list) else []:
            if isinstance(text, str) and text and copies is not None:
                keys.append(subject.name("routing_key", text, "amqp.cc binding", copies.location()))
    default = exchange is not None and exchange.text("name") == ""
    # The default exchange hands a message to the queue that its routing key names.
    queues = [
        subject.name("queue", key.value, "routing key on the default exchange", key.location) for key in keys if default
    ]
    return [*exchanges, *keys, *queues, *vhosts[:1]]


def _mqtt(subject: _Subject) -> list[RuntimeName]:
    return subject.address("topic")


def _nats(subject: _Subject) -> list[RuntimeName]:
    return subject.address("subject")


def _pulsar(subject: _Subject) -> list[RuntimeName]:
    address = subject.channel.address
    if not address:
        return []
    at = address_location(subject.channel)
    if "://" in address:
        return [subject.name("topic", address, subject.channel.address_from, at)]
    binding, server = subject.binding, subject.server_binding()
    tenant = (server.text("tenant") if server else None) or "public"
    namespace = (binding.text("namespace") if binding else None) or "default"
    persistence = (binding.text("persistence") if binding else None) or "persistent"
    text = f"{persistence}://{tenant}/{namespace}/{address}"
    return [subject.name("topic", text, f"pulsar binding and {subject.channel.address_from}", at)]


def _sqs(subject: _Subject) -> list[RuntimeName]:
    binding = subject.binding
    names = subject.bound(binding.get("queue") if binding else None, "name", "queue", "sqs.queue.name")
    if not names:
        for operation in subject.operation_bindings():
            queues = operation.get("queues")
            for queue in queues.items() if queues else ():
                names += subject.bound(queue, "name", "queue", "sqs.queues.name")
    return names or subject.address("queue")


def _sns(subject: _Subject) -> list[RuntimeName]:
    names = subject.bound(subject.binding, "name", "topic", "sns.name")
    if not names:
        for operation in subject.operation_bindings():
            topic = operation.get("topic")
            names += subject.bound(topic, "name", "topic", "sns.topic.name")
            names += subject.bound(topic, "arn", "topic", "sns.topic.arn") if not names else []
    return names or subject.address("topic")


def _googlepubsub(subject: _Subject) -> list[RuntimeName]:
    names = subject.bound(subject.binding, "topic", "topic", "googlepubsub.topic") or subject.address("topic")
    for name in list(names):
        head, marker, last = name.value.rpartition("/topics/")
        if marker and head.startswith("projects/"):
            names.append(subject.name("topic", last, f"{name.provenance}, last part", name.location))
    return names


def _ws(subject: _Subject) -> list[RuntimeName]:
    return subject.address("path")


def _jms(subject: _Subject) -> list[RuntimeName]:
    binding = subject.binding
    kind: NameKind = "topic" if binding and binding.text("destinationType") == "topic" else "queue"
    return subject.bound(binding, "destination", kind, "jms.destination") or subject.address(kind)


def _solace(subject: _Subject) -> list[RuntimeName]:
    names: list[RuntimeName] = []
    for operation in subject.operation_bindings():
        destinations = operation.get("destinations")
        for destination in destinations.items() if destinations else ():
            queue = destination.get("queue")
            names += subject.bound(queue, "name", "queue", "solace.queue.name")
    return [*names, *subject.address("topic")]


def _ibmmq(subject: _Subject) -> list[RuntimeName]:
    binding = subject.binding
    if binding and binding.text("destinationType") == "queue":
        queue = binding.get("queue")
        return subject.bound(queue, "objectName", "queue", "ibmmq.queue.objectName") or subject.address("queue")
    topic = binding.get("topic") if binding else None
    return (
        subject.bound(topic, "string", "topic", "ibmmq.topic.string")
        or subject.bound(topic, "objectName", "topic", "ibmmq.topic.objectName")
        or subject.address("topic")
    )


def _anypointmq(subject: _Subject) -> list[RuntimeName]:
    binding = subject.binding
    kind: NameKind = "exchange" if binding and binding.text("destinationType") == "exchange" else "queue"
    return subject.bound(binding, "destination", kind, "anypointmq.destination") or subject.address(kind)


def _anything(subject: _Subject) -> list[RuntimeName]:
    return subject.address("destination")


_NAMERS: dict[str, Callable[[_Subject], list[RuntimeName]]] = {
    "kafka": _kafka,
    "amqp": _amqp,
    "mqtt": _mqtt,
    "nats": _nats,
    "pulsar": _pulsar,
    "sqs": _sqs,
    "sns": _sns,
    "googlepubsub": _googlepubsub,
    "ws": _ws,
    "jms": _jms,
    "solace": _solace,
    "ibmmq": _ibmmq,
    "anypointmq": _anypointmq,
}


def consumer_of(operation: DeclaredOperation, protocol: str | None, naming: Naming) -> tuple[str, str] | None:
    """Who consumes, as bindings say it, and where that is written; None where no binding says."""
    if operation.action != "receive":
        return None
    binding = binding_of(operation.cursor, protocol or "")
    if protocol == "kafka":
        group = _one_value(binding.get("groupId") if binding else None)
        return (group, "kafka.groupId binding") if group else None
    if protocol == "nats":
        group = binding.text("queue") if binding else None
        return (group, "nats.queue binding") if group else None
    if protocol == "sns" and binding is not None:
        consumers = binding.get("consumers")
        endpoints = [_endpoint(one) for one in (consumers.items() if consumers else ())]
        return (endpoints[0], "sns.consumers binding") if len(endpoints) == 1 and endpoints[0] else None
    queues = [name for name in naming.names if name.kind == "queue" and name.pattern is None]
    if protocol in _QUEUE_IS_CONSUMER and len(queues) == 1:
        return queues[0].value, queues[0].provenance
    return None


_QUEUE_IS_CONSUMER = frozenset({"amqp", "sqs", "solace", "ibmmq", "jms", "anypointmq"})


def _endpoint(consumer: Cursor) -> str:
    endpoint = consumer.get("endpoint")
    if endpoint is None:
        return ""
    if isinstance(endpoint.value, str):
        return endpoint.value
    return next((text for key in ("name", "url", "arn", "email") if (text := endpoint.text(key))), "")


def _one_value(schema: Cursor | None) -> str | None:
    """The single value that a schema allows: its constant, its only choice, else its default."""
    if schema is None:
        return None
    if isinstance(schema.value, str):
        return schema.value
    const, choices, default = schema.get("const"), schema.get("enum"), schema.get("default")
    if const is not None and isinstance(const.value, str):
        return const.value
    if choices is not None and isinstance(choices.value, list) and len(choices.value) == 1:
        return str(choices.value[0])
    return default.value if default is not None and isinstance(default.value, str) else None
