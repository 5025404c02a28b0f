"""A participant: one side of a channel, as a document declares it, as telemetry shows it, or both."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from observatory.spec.bound_values import ConsumerIdentity
from observatory.spec.catalog import Action, Catalog, Operation, Owner
from observatory.windows import format_instant


class Sighting(Struct, frozen=True, kw_only=True):
    """What telemetry shows of a participant.

    Attributes:
        messages: With sampling weights; None where its presence is seen and nothing counts its messages.
        first_ms, last_ms: First and last instant seen, None where only the presence is known.
    """

    messages: float | None = None
    first_ms: int | None = None
    last_ms: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The `observed` entry of a producer or consumer."""
        return {
            "messages": self.messages,
            "first_seen": None if self.first_ms is None else format_instant(self.first_ms),
            "last_seen": None if self.last_ms is None else format_instant(self.last_ms),
        }


class Participant(Struct, frozen=True, kw_only=True):
    """Who sends to a channel or receives from it.

    Attributes:
        service: None for a consumer group of which no more than its name is seen.
        consumer_group: As declared, else as seen; None for senders.
        operation: The operation that declares it, None when no document does.
        owner: Who answers for one that no document declares, where an ownership file says.
        named_by: The ownership file and line that names one that no document declares.
        seen: None when telemetry shows nothing of it, or was not asked.
        shared_with: Keys of other operations of the same service on the same side, which telemetry cannot tell apart:
            what is seen stands for all of them together.
    """

    action: Action
    service: str | None
    consumer_group: str | None = None
    operation: Operation | None = None
    owner: Owner | None = None
    named_by: str | None = None
    seen: Sighting | None = None
    shared_with: tuple[str, ...] = ()

    @property
    def declared(self) -> bool:
        return self.operation is not None

    @property
    def identities(self) -> tuple[ConsumerIdentity, ...]:
        """All that the documents say who consumes, each with its provenance; none of a sender or a stranger."""
        return self.operation.consumers if self.operation and self.action == "receive" else ()

    @property
    def answering(self) -> Owner | None:
        """Who answers for it, as its operation says or as the ownership file does that names it."""
        return self.operation.owner if self.operation else self.owner

    def to_json(self) -> dict[str, Any]:
        """The entry of `producers` or `consumers`; `named_by`, `shared_with` only where there is something to say."""
        entry: dict[str, Any] = {
            "service": self.service,
            "document": self.operation.document if self.operation else None,
            "operation": self.operation.name if self.operation else None,
            "declared": self.declared,
            "observed": self.seen.to_json() if self.seen else None,
        }
        if self.action == "receive":
            entry["consumer_group"] = self.consumer_group
            if self.operation and self.operation.consumer_group_provenance:
                entry["consumer_group_provenance"] = self.operation.consumer_group_provenance
        if self.operation and self.operation.action_provenance:
            entry["action_provenance"] = self.operation.action_provenance
        if self.named_by:
            entry["named_by"] = self.named_by
            entry["owner"] = self.owner.team if self.owner else None
        if self.shared_with:
            entry["shared_with"] = list(self.shared_with)
        return entry


def declared_on(catalog: Catalog, channel_id: str) -> tuple[Participant, ...]:
    """Those that documents declare on a channel, senders first, and per side those that ownership files name beside."""
    found: list[Participant] = []
    sides: tuple[Action, Action] = ("send", "receive")
    for action in sides:
        found += [
            Participant(
                action=action,
                service=operation.service,
                consumer_group=operation.consumer_group if action == "receive" else None,
                operation=operation,
            )
            for operation in catalog.operations_on(channel_id, action)
        ]
        found += [
            Participant(
                action=action,
                service=one.service,
                consumer_group=one.consumer_group,
                owner=one.owner,
                named_by=one.provenance,
            )
            for one in catalog.named_on(channel_id, action)
        ]
    return tuple(found)
