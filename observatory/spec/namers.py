"""Where each protocol's bindings put the names of a channel, best name first.

What a binding leaves open comes from the address. Nothing is invented: a channel whose address is open and whose
binding says nothing has no name. Names that generators write into bindings whose definition is empty (`nats.subject`,
`mqtt.topic`, `redis.channel`) are names too; beside them the address is often no more than a title.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote

from msgspec.structs import replace

from observatory.location import Location
from observatory.spec.bound import Bound, address_location, binding_of
from observatory.spec.catalog import NameKind, RuntimeName
from observatory.spec.dead_letters import dead_letter_queues
from observatory.spec.references import Cursor
from observatory.spec.templates import subscription_of
from observatory.spec.wildcards import glob

SHARE = "$share/"


def names_by(bound: Bound) -> list[RuntimeName]:
    """Names by the rules of the protocol; by its address alone where the protocol has none."""
    return _NAMERS.get(bound.protocol, _anything)(bound)


def _kafka(bound: Bound) -> list[RuntimeName]:
    return bound.bound(bound.binding, "topic", "topic", "kafka.topic") or bound.address("topic")


def _amqp(bound: Bound) -> list[RuntimeName]:
    binding = bound.binding
    queue = binding.get("queue") if binding else None
    exchange = binding.get("exchange") if binding else None
    is_queue = binding is not None and binding.text("is") == "queue"
    exchanges = bound.bound(exchange, "name", "exchange", "amqp.exchange.name")
    queues = bound.bound(queue, "name", "queue", "amqp.queue.name")
    if is_queue:
        return [
            *(queues or bound.address("queue")),
            *exchanges,
            *_vhosts(bound, {"queue": queue, "exchange": exchange}),
        ]
    kind = exchange.text("type") if exchange else None
    keys = bound.address("routing_key", wildcards=kind in (None, "topic"))
    for operation in bound.operation_bindings():
        for copies in ("cc", "bcc"):
            keys += bound.listed(operation, copies, "routing_key", f"amqp.{copies}")
    if exchange is not None and (exchange.text("name") == "" or (kind == "default" and not exchanges)):
        # The default exchange hands a message to the queue that its routing key names.
        queues = [
            *(bound.name("queue", key.value, "routing key on the default exchange", key.location) for key in keys),
            *queues,
        ]
    return [*exchanges, *keys, *queues, *_vhosts(bound, {"exchange": exchange, "queue": queue})]


def _vhosts(bound: Bound, holders: Mapping[str, Cursor | None]) -> list[RuntimeName]:
    """The virtual host that the binding names, else those of the servers' addresses."""
    for called, holder in holders.items():
        if found := bound.bound(holder, "vhost", "vhost", f"amqp.{called}.vhost"):
            return found
    return [
        bound.name("vhost", unquote(server.path.strip("/")), "server address", server.server.location)
        for server in bound.servers()
        if server.path.strip("/")
    ]


def _mqtt(bound: Bound) -> list[RuntimeName]:
    written = mqtt_address(bound)
    if written is None:
        return []
    address, said, at = written
    shared = shared_subscription(address)
    behind = shared[1] if shared else address
    topic = bound.name("topic", behind, f"{said}, behind a shared subscription" if shared else said, at)
    asked = subscription_of(topic.value, "mqtt")
    if shared is None and asked == topic.value:
        return [topic]
    # What a receiver asks the broker for: every level with a parameter is `+`, and the group stands in front.
    subscription = bound.name("subscription", asked, f"{said}, as a subscription", at)
    if shared:
        group = bound.name("subscription", shared[0], said, at).value
        subscription = replace(subscription, value=f"{SHARE}{group}/{asked}")
    return [topic, subscription]


def mqtt_address(bound: Bound) -> tuple[str, str, Location] | None:
    """The text by which an MQTT channel is subscribed to or published on, where it comes from, and its place."""
    binding, channel = bound.binding, bound.channel
    if binding is not None and (written := binding.text("topic")):
        return written, "mqtt.topic binding", binding.location("topic")
    return (channel.address, channel.address_from, address_location(channel)) if channel.address else None


def shared_subscription(address: str) -> tuple[str, str] | None:
    """The group of an MQTT shared subscription and the topic behind it: `$share/billing/orders/#`."""
    group, slash, topic = address.removeprefix(SHARE).partition("/")
    return (group, topic) if address.startswith(SHARE) and slash and group and topic else None


def _nats(bound: Bound) -> list[RuntimeName]:
    return bound.bound(bound.binding, "subject", "subject", "nats.subject") or bound.address("subject")


def _pulsar(bound: Bound) -> list[RuntimeName]:
    address, said = bound.channel.address, bound.channel.address_from
    if not address:
        return []
    at = address_location(bound.channel)
    if "://" in address:
        return [bound.name("topic", address, said, at)]
    binding = bound.binding
    namespace = binding.text("namespace") if binding else None
    persistence = binding.text("persistence") if binding else None
    provenance = f"pulsar binding and {said}"
    if not (namespace and persistence):
        provenance = f"{said}, completed by the defaults of Pulsar"
    if not namespace and address.count("/") == 2:
        # Pulsar's short form: tenant, namespace and topic.
        return [bound.name("topic", f"{persistence or 'persistent'}://{address}", provenance, at)]
    tenants = dict.fromkeys(server.text("tenant") or "public" for server in bound.server_bindings()) or {"public": None}
    stem = f"{namespace or 'default'}/{address}"
    return [bound.name("topic", f"{persistence or 'persistent'}://{one}/{stem}", provenance, at) for one in tenants]


def _sqs(bound: Bound) -> list[RuntimeName]:
    binding = bound.binding
    names = bound.bound(binding.get("queue") if binding else None, "name", "queue", "sqs.queue.name")
    for operation in bound.operations:
        names += subscribed_queues(bound, binding_of(operation.cursor, "sqs"))
    return names or [_queue_of_address(bound, name) for name in bound.address("queue")]


def _queue_of_address(bound: Bound, name: RuntimeName) -> RuntimeName:
    """The queue's name alone, where the address is its ARN or its URL."""
    mark = ":" if name.value.startswith("arn:aws") else "/" if "://" in name.value else ""
    last = name.value.rpartition(mark)[2] if mark else ""
    return bound.name("queue", last, f"{name.provenance}, last part", name.location) if last else name


def subscribed_queues(bound: Bound, operation: Cursor | None) -> list[RuntimeName]:
    """Queues that the SQS binding of an operation lists, without those that only take what failed."""
    queues = operation.get("queues") if operation else None
    failed = dead_letter_queues(bound)
    names: list[RuntimeName] = []
    for queue in queues.items() if queues else ():
        if queue.text("name") not in failed:
            names += bound.bound(queue, "name", "queue", "sqs.queues.name")
    return names


def _sns(bound: Bound) -> list[RuntimeName]:
    names = bound.bound(bound.binding, "name", "topic", "sns.name")
    for operation in bound.operation_bindings() if not names else ():
        topic = operation.get("topic")
        names += bound.bound(topic, "name", "topic", "sns.topic.name")
        names += _with_last_part(bound, bound.bound(topic, "arn", "topic", "sns.topic.arn"), ":")
    return names or _with_last_part(bound, bound.address("topic"), ":")


def _googlepubsub(bound: Bound) -> list[RuntimeName]:
    names = bound.bound(bound.binding, "topic", "topic", "googlepubsub.topic") or bound.address("topic")
    return _with_last_part(bound, names, "/topics/")


def _with_last_part(bound: Bound, names: list[RuntimeName], mark: str) -> list[RuntimeName]:
    """Names by which the cloud knows a topic everywhere, each followed by its name inside the account or project."""
    found: list[RuntimeName] = []
    for name in names:
        head, _, last = name.value.rpartition(mark)
        found.append(name)
        if head.startswith(("projects/", "arn:aws")) and last:
            found.append(bound.name("topic", last, f"{name.provenance}, last part", name.location))
    return found


def _ws(bound: Bound) -> list[RuntimeName]:
    names = bound.address("path")
    stems = dict.fromkeys("/" + server.path.strip("/") for server in bound.servers() if server.path.strip("/"))
    for name in list(names):
        for stem in stems:
            whole = f"{stem}/{(bound.channel.address or '').lstrip('/')}".rstrip("/")
            names.append(bound.name("path", whole, f"server path and {name.provenance}", name.location))
    return names


def _jms(bound: Bound) -> list[RuntimeName]:
    binding = bound.binding
    kind: NameKind = "topic" if binding and binding.text("destinationType") == "topic" else "queue"
    return bound.bound(binding, "destination", kind, "jms.destination") or bound.address(kind)


def _solace(bound: Bound) -> list[RuntimeName]:
    queues: list[RuntimeName] = []
    subscriptions: list[RuntimeName] = []
    for operation in bound.operations:
        for destination in solace_destinations(operation.cursor):
            wanted = destination.text("destinationType")
            queue, topic = destination.get("queue"), destination.get("topic")
            if wanted != "topic":
                queues += bound.bound(queue, "name", "queue", "solace.queue.name")
                subscriptions += bound.listed(queue, "topicSubscriptions", "topic", "solace.queue.topicSubscriptions")
            if wanted != "queue":
                subscriptions += bound.listed(topic, "topicSubscriptions", "topic", "solace.topic.topicSubscriptions")
    names = bound.address("topic")
    if names:
        # The address is the topic; what a queue takes beside it is no other name of the channel.
        known = {name.value for name in names}
        subscriptions = [replace(one, kind="subscription") for one in subscriptions if one.value not in known]
    vpns: list[RuntimeName] = []
    for server in bound.server_bindings():
        for key in ("msgVpn", "msvVpn"):  # spelled the second way in one version of the binding's schema
            vpns += bound.bound(server, key, "vpn", f"solace.{key} server")
    return [*queues, *names, *subscriptions, *vpns]


def solace_destinations(operation: Cursor) -> Iterator[Cursor]:
    """Destinations that the Solace binding of an operation lists."""
    binding = binding_of(operation, "solace")
    destinations = binding.get("destinations") if binding else None
    for destination in destinations.items() if destinations else ():
        if isinstance(destination.value, dict):
            yield destination


def _ibmmq(bound: Bound) -> list[RuntimeName]:
    binding = bound.binding
    queue = binding.get("queue") if binding else None
    topic = binding.get("topic") if binding else None
    kind = binding.text("destinationType") if binding else None
    if kind == "queue" or (kind is None and queue is not None and topic is None):
        names = bound.bound(queue, "objectName", "queue", "ibmmq.queue.objectName") or bound.address("queue")
    else:
        names = (
            bound.bound(topic, "string", "topic", "ibmmq.topic.string")
            or bound.bound(topic, "objectName", "topic", "ibmmq.topic.objectName")
            or bound.address("topic")
        )
    return [*names, *_queue_managers(bound)]


def _queue_managers(bound: Bound) -> list[RuntimeName]:
    """Queue managers of the servers: of the connection table where one is used, else the first part of the path."""
    found: list[RuntimeName] = []
    for server in bound.servers():
        binding = binding_of(server.cursor, "ibmmq")
        named = bound.bound(binding, "ccdtQueueManagerName", "queue_manager", "ibmmq.ccdtQueueManagerName server")
        of_table = re.match(r"(https?|file)://", server.cursor.text("url") or "")
        first = unquote(server.path.removeprefix("/").partition("/")[0])
        if not named and first and not of_table:
            named = [bound.name("queue_manager", first, "server address", server.server.location)]
        found += [name for name in named if name.value != "*"]
    return found


def _anypointmq(bound: Bound) -> list[RuntimeName]:
    binding = bound.binding
    kind: NameKind = "exchange" if binding and binding.text("destinationType") == "exchange" else "queue"
    return bound.bound(binding, "destination", kind, "anypointmq.destination") or bound.address(kind)


def _ros2(bound: Bound) -> list[RuntimeName]:
    roles = {operation.text("role") for operation in bound.operation_bindings()}
    return bound.address("topic" if roles <= {"publisher", "subscriber", None} else "destination")


def _redis(bound: Bound) -> list[RuntimeName]:
    binding = bound.binding
    names = bound.bound(binding, "channel", "destination", "redis.channel")
    if binding is not None and binding.text("method") == "psubscribe":
        names = [replace(name, pattern=glob(name.value)) for name in names]
    return names or bound.address("destination")


def _anything(bound: Bound) -> list[RuntimeName]:
    return bound.address("destination")


_NAMERS: dict[str, Callable[[Bound], list[RuntimeName]]] = {
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
    "redis": _redis,
    "ros2": _ros2,
}
