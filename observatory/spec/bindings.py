"""Runtime names: by which names a broker knows what a document calls a channel, and where each name comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from msgspec.structs import replace

from observatory.spec.bound import Bound
from observatory.spec.catalog import SCOPES, NameKind, RuntimeName
from observatory.spec.dead_letters import dead_letter_of
from observatory.spec.declared import DeclaredChannel, DeclaredMessage, DeclaredOperation
from observatory.spec.drafts import Naming
from observatory.spec.namers import names_by
from observatory.spec.servers import family_of


def protocols_of(channel: DeclaredChannel, operations: Sequence[DeclaredOperation]) -> list[str]:
    """Protocols that a channel may be on, likeliest first: of servers that bindings agree with, servers, bindings.

    Bindings of messages count where nothing else says anything.
    """
    served = [server.server.protocol for server in channel.servers if server.server.protocol]
    own = _bound(channel)
    bound = [*own, *(protocol for operation in operations for protocol in _bound(operation))]
    if "sns" in bound and "sqs" in bound and "sqs" not in own:
        # Queues that an operation reads from a topic: the channel is the topic.
        bound = ["sns", *bound]
    if "amqp1" in bound and "amqp" not in bound:
        served = ["amqp1" if protocol == "amqp" else protocol for protocol in served]
    agreed = [protocol for protocol in served if protocol in bound]
    found = list(dict.fromkeys([*agreed, *served, *bound]))
    return found or list(dict.fromkeys(protocol for message in channel.messages for protocol in _bound(message)))


def naming_of(channel: DeclaredChannel, operations: Sequence[DeclaredOperation], protocol: str | None) -> Naming:
    """Names of a channel on a protocol, by that protocol's bindings."""
    bound = Bound(protocol or "", channel, operations)
    names = tuple(dict.fromkeys([*_corrected(bound), *names_by(bound)]))
    own = [name for name in names if name.kind not in SCOPES]
    return Naming(
        address=_chosen_address(protocol, own),
        names=names if own else (),
        dead_letter=dead_letter_of(bound),
    )


def _bound(holder: DeclaredChannel | DeclaredOperation | DeclaredMessage) -> list[str]:
    bindings = holder.cursor.get("bindings")
    return [family_of(key) for key in (bindings.keys() if bindings else []) if not key.startswith("x-")]


def _chosen_address(protocol: str | None, names: Sequence[RuntimeName]) -> str | None:
    # A queue stands for what waits in it; the channel on these brokers is the topic or key that messages are sent to.
    order: Sequence[NameKind] = ()
    if protocol == "solace":
        # Several topics are subscriptions of a queue under an open address, and none of them is the channel.
        order = ("topic", "queue") if sum(name.kind == "topic" for name in names) < 2 else ("queue", "topic")
    elif protocol == "amqp":
        order = ("queue", "routing_key", "exchange")
    for kind in order:
        for name in names:
            if name.kind == kind and not (protocol == "amqp" and kind == "queue" and _is_behind_a_key(name, names)):
                return name.value
    return names[0].value if names and not order else None


def _is_behind_a_key(queue: RuntimeName, names: Sequence[RuntimeName]) -> bool:
    """A queue of a channel that is a routing key: bound to it, or reached by it through the default exchange."""
    return queue.provenance != "overlay" and any(name.kind == "routing_key" for name in names)


def _corrected(bound: Bound) -> list[RuntimeName]:
    """Names that an overlay gives, for what bindings cannot express: the queue behind a routing key."""
    overlay = bound.channel.cursor.references.overlay_of(bound.channel.cursor)
    names = overlay.get("names") if overlay else None
    found: list[RuntimeName] = []
    for kind in get_args(NameKind):
        found += bound.bound(names, kind, kind, "overlay")
    return [replace(name, provenance="overlay") for name in found]
