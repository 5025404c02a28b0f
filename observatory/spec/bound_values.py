"""What bindings declare besides names: who consumes, and facts such as partitions and retention."""

from __future__ import annotations

from typing import Literal

from observatory.location import Location, Placed

IdentityKind = Literal["group", "queue", "endpoint", "client"]
FactLevel = Literal["server", "channel", "operation"]
FactScalar = bool | int | float | str


class ConsumerIdentity(Placed, frozen=True, kw_only=True):
    """What a broker knows a consumer by.

    Attributes:
        kind: `group` of consumers that share the messages; `queue` that is read; `endpoint` that messages are
            delivered to; `client` where the protocol has no more than the id of the connection.
        value: As written.
        provenance: Where it comes from, in words: `kafka.groupId binding`, `x-consumer-group on operation`.
    """

    kind: IdentityKind
    value: str
    provenance: str
    location: Location | None = None


class BindingFact(Placed, frozen=True, kw_only=True):
    """Something else that a binding declares: how many partitions, how long messages stay, which quality of service.

    Attributes:
        key: Path in the binding after the protocol: `kafka.topicConfiguration.retention.ms`, `sqs.queue.fifoQueue`.
        value: As written; of a schema the single value that it allows; several for a list.
        unit: What a number counts: `ms`, `s`, `min`, `bytes`, `MB`; None for a plain number or a word.
        level: The object whose binding it is.
        document: Name of the document that declares it.
        operation: Key of the operation, None on channels and servers.
    """

    key: str
    value: FactScalar | tuple[FactScalar, ...]
    unit: str | None = None
    level: FactLevel
    document: str
    operation: str | None = None
    location: Location | None = None
