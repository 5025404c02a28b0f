"""What the list before production says of a channel: its items, each passed, failed or not applicable, in one order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from observatory.spec.catalog import Channel

State = Literal["passed", "failed", "not_applicable"]
ItemName = Literal["document", "objectives", "telemetry", "dead_letters", "trace_context", "owner", "runbook"]
ITEMS: tuple[ItemName, ...] = (
    "document",
    "objectives",
    "telemetry",
    "dead_letters",
    "trace_context",
    "owner",
    "runbook",
)
TITLES: Mapping[ItemName, str] = {
    "document": "document exists",
    "objectives": "objectives set",
    "telemetry": "telemetry live",
    "dead_letters": "DLQ watched",
    "trace_context": "trace context",
    "owner": "owner",
    "runbook": "runbook",
}


class Item(Struct, frozen=True, kw_only=True):
    """One line of the list for one channel.

    Attributes:
        evidence: What was looked at and found, one sentence.
        hint: What to do, for a failed item.
    """

    name: ItemName
    state: State
    evidence: str
    hint: str = ""

    def to_json(self) -> dict[str, str | None]:
        """The entry of `items`."""
        return {"item": self.name, "state": self.state, "evidence": self.evidence, "hint": self.hint or None}


class Readiness(Struct, frozen=True, kw_only=True):
    """All items of one channel, in the order of `ITEMS`."""

    channel: Channel
    items: tuple[Item, ...]

    @property
    def failed(self) -> tuple[Item, ...]:
        """What keeps the channel from being ready."""
        return tuple(item for item in self.items if item.state == "failed")

    def to_json(self) -> dict[str, Any]:
        """The entry of `channels`."""
        return {
            "id": self.channel.id,
            "address": self.channel.address,
            "protocol": self.channel.protocol,
            "documents": list(self.channel.documents),
            "ready": not self.failed,
            "items": [item.to_json() for item in self.items],
        }
