"""Who consumes: what a broker knows the receivers of an operation by, as bindings and extensions say it.

A binding comes first, then `x-consumer-group`, then the extensions of other tools, then the client's id where a
protocol has nothing else. Nothing is invented: where no document says who consumes, nobody is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from observatory.spec.bound import Bound, binding_of, bindings_of
from observatory.spec.bound_values import ConsumerIdentity, IdentityKind
from observatory.spec.catalog import RuntimeName
from observatory.spec.declared import DeclaredOperation
from observatory.spec.drafts import Naming
from observatory.spec.namers import mqtt_address, shared_subscription, solace_destinations, subscribed_queues
from observatory.spec.references import Cursor

_QUEUE_IS_CONSUMER = frozenset({"amqp", "sqs", "solace", "ibmmq", "jms", "anypointmq"})
_CLIENT_KEYS = {"mqtt": "clientId", "jms": "clientID", "solace": "clientName"}


class Receiver(Struct, frozen=True):
    """A receiving operation on a channel whose names are known."""

    operation: DeclaredOperation
    protocol: str
    naming: Naming

    @property
    def bound(self) -> Bound:
        """The channel with this operation alone."""
        return Bound(self.protocol, self.operation.channel, [self.operation])

    @property
    def binding(self) -> Cursor | None:
        """The operation's binding."""
        return binding_of(self.operation.cursor, self.protocol)


def consumers_of(operation: DeclaredOperation, protocol: str | None, naming: Naming) -> tuple[ConsumerIdentity, ...]:
    """Everybody who consumes by this operation, as bindings say it; none where no binding says, or it sends."""
    if operation.action != "receive":
        return ()
    receiver = Receiver(operation, protocol or "", naming)
    found: dict[tuple[str, str], ConsumerIdentity] = {}
    for one in _READERS.get(receiver.protocol, _queues)(receiver):
        found.setdefault((one.kind, one.value), one)
    return tuple(found.values())


def client_of(operation: DeclaredOperation, protocol: str | None) -> ConsumerIdentity | None:
    """The id by which the client of a receiving operation connects, where all its servers agree on one."""
    key = _CLIENT_KEYS.get(protocol or "")
    if operation.action != "receive" or key is None:
        return None
    bindings = list(Bound(protocol or "", operation.channel, [operation]).server_bindings())
    named = [(text, binding) for binding in bindings if (text := binding.text(key))]
    if len({text for text, _ in named}) != 1:
        return None
    text, binding = named[0]
    return ConsumerIdentity(
        kind="client", value=text, provenance=f"{protocol}.{key} server binding", location=binding.location(key)
    )


def one_value(schema: Cursor | None) -> Cursor | None:
    """The single value that a schema allows: its constant, its only choice, else its default; a plain value is itself.

    None for a schema that leaves the value open, as one with no more than a type or a pattern does.
    """
    if schema is None or not isinstance(schema.value, dict):
        return schema if schema is not None and not isinstance(schema.value, list) else None
    if (const := schema.get("const")) is not None:
        return const
    choices = schema.get("enum")
    if choices is not None and isinstance(choices.value, list) and len(choices.value) == 1:
        return next(choices.items(), None)
    return schema.get("default")


def _text_of(schema: Cursor | None) -> tuple[str, Cursor] | None:
    found = one_value(schema)
    if found is None or isinstance(found.value, bool) or not isinstance(found.value, str | int):
        return None
    text = str(found.value).strip()
    return (text, found) if text else None


def _kafka(receiver: Receiver) -> Iterator[ConsumerIdentity]:
    binding = receiver.binding
    if found := _text_of(binding.get("groupId") if binding else None):
        yield _identity("group", found, "kafka.groupId binding")


def _nats(receiver: Receiver) -> Iterator[ConsumerIdentity]:
    # Generators write the queue group beside the subject, at the channel.
    for binding in (receiver.binding, receiver.bound.binding):
        if found := _text_of(binding.get("queue") if binding else None):
            yield _identity("group", found, "nats.queue binding")
            return


def _redis(receiver: Receiver) -> Iterator[ConsumerIdentity]:
    for binding in (receiver.binding, receiver.bound.binding):
        if found := _text_of(binding.get("groupName") if binding else None):
            yield _identity("group", found, "redis.groupName binding")
            return


def _mqtt(receiver: Receiver) -> Iterator[ConsumerIdentity]:
    written = mqtt_address(receiver.bound)
    shared = shared_subscription(written[0]) if written else None
    if written and shared:
        provenance = f"shared subscription in the {written[1]}"
        group = receiver.bound.name("subscription", shared[0], provenance, written[2])
        if group.pattern is None:
            yield ConsumerIdentity(kind="group", value=group.value, provenance=provenance, location=written[2])


def _sqs(receiver: Receiver) -> Iterator[ConsumerIdentity]:
    own = subscribed_queues(receiver.bound, receiver.binding)
    yield from _named(own) if own else _queues(receiver)


def _sns(receiver: Receiver) -> Iterator[ConsumerIdentity]:
    found = list(_subscriptions(receiver))
    if not found:
        found = list(_named(subscribed_queues(receiver.bound, binding_of(receiver.operation.cursor, "sqs"))))
    yield from found


def _subscriptions(receiver: Receiver) -> Iterator[ConsumerIdentity]:
    for binding in bindings_of(receiver.operation.cursor, "sns"):
        # The definition has a list under `consumers`; its own example has the list as the binding itself.
        consumers = binding if isinstance(binding.value, list) else binding.get("consumers")
        for consumer in consumers.items() if consumers else ():
            if found := _endpoint(consumer):
                queue = consumer.text("protocol") == "sqs"
                yield _identity("queue" if queue else "endpoint", found, "sns.consumers binding")


def _endpoint(consumer: Cursor) -> tuple[str, Cursor] | None:
    endpoint = consumer.get("endpoint") or consumer
    if isinstance(endpoint.value, str):
        return (endpoint.value, endpoint) if endpoint.value else None
    for key in ("name", "url", "arn", "email", "phone"):
        if (found := endpoint.get(key)) is not None and isinstance(found.value, str) and found.value:
            return found.value, found
    return None


def _solace(receiver: Receiver) -> Iterator[ConsumerIdentity]:
    own = [
        name
        for destination in solace_destinations(receiver.operation.cursor)
        if destination.text("destinationType") != "topic"
        for name in receiver.bound.bound(destination.get("queue"), "name", "queue", "solace.queue.name")
    ]
    yield from _named(own or [name for name in receiver.naming.names if name.provenance == "overlay"])


def _ros2(receiver: Receiver) -> Iterator[ConsumerIdentity]:
    binding = receiver.binding
    if found := _text_of(binding.get("node") if binding else None):
        yield _identity("client", found, "ros2.node binding")


def _queues(receiver: Receiver) -> Iterator[ConsumerIdentity]:
    """The queue of the channel where there is one; of several it is open which one this operation reads."""
    if receiver.protocol in _QUEUE_IS_CONSUMER:
        queues = [name for name in receiver.naming.names if name.kind == "queue"]
        queues = [name for name in queues if name.provenance == "overlay"] or queues
        if len({name.value for name in queues}) == 1:
            yield from _named(queues[:1])


def _named(names: Sequence[RuntimeName]) -> Iterator[ConsumerIdentity]:
    for name in names:
        if name.kind == "queue" and name.pattern is None:
            yield ConsumerIdentity(kind="queue", value=name.value, provenance=name.provenance, location=name.location)


def _identity(kind: IdentityKind, found: tuple[str, Cursor], provenance: str) -> ConsumerIdentity:
    return ConsumerIdentity(kind=kind, value=found[0], provenance=provenance, location=found[1].location())


_READERS: dict[str, Callable[[Receiver], Iterator[ConsumerIdentity]]] = {
    "kafka": _kafka,
    "nats": _nats,
    "mqtt": _mqtt,
    "sqs": _sqs,
    "sns": _sns,
    "solace": _solace,
    "redis": _redis,
    "ros2": _ros2,
}
