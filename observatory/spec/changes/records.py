"""What changed between two catalogues, as values: one record for each thing, grouped by channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from msgspec import Struct

from observatory.location import Location, Placed
from observatory.spec.changes.verdict import Compatibility, Mode, Reading, Verdict, worst

ChangeKind = Literal["added", "removed", "changed"]
Subject = Literal["channel", "operation", "message"]
VERDICT_ORDER: dict[Verdict, int] = {"breaking": 0, "unknown": 1, "compatible": 2}


class Party(Struct, frozen=True, kw_only=True):
    """An operation on the other side of a channel, and the reading between it and a changed payload.

    The schema is the one that its own document declares for the message, or the old one where it declares none.
    """

    operation: str
    reading: Reading

    def to_json(self) -> dict[str, Any]:
        """The entry of `parties`."""
        return {"operation": self.operation, **self.reading.to_json()}


class Change(Placed, frozen=True, kw_only=True):
    """One thing that changed.

    Attributes:
        subject: What it belongs to; `name` is the channel's id, the operation's key or the message's name.
        operation: Key of the operation whose message it is; None where the channel alone lists it.
        aspect: What about it changed: `payload`, `address`, `objective fresh`; empty where it came or went as a whole.
        message: One sentence, lower-case start, no full stop.
        verdict: Whether it breaks somebody who was right before.
        needs: The compatibility mode that the operation depends on: FORWARD where it sends, BACKWARD where it receives.
        affected: Keys of the operations that it endangers, as far as the catalogue knows them.
        compatibility: Both directions, for payloads and headers.
        parties: The other side as the catalogue knows it: consumers of what is sent, producers of what is received.
        old, new: Where it is written.
    """

    beside: ClassVar = frozenset({"old", "new"})

    kind: ChangeKind
    subject: Subject
    name: str
    operation: str | None = None
    aspect: str = ""
    message: str
    verdict: Verdict = "compatible"
    needs: Mode | None = None
    affected: tuple[str, ...] = ()
    compatibility: Compatibility | None = None
    parties: tuple[Party, ...] = ()
    old: Location | None = None
    new: Location | None = None

    def order(self) -> tuple[int, str, str, str, str, str]:
        """Sorts breaking changes first, and otherwise by name."""
        subject = {"channel": "0", "operation": "1", "message": "2"}[self.subject]
        return VERDICT_ORDER[self.verdict], subject, self.operation or "", self.name, self.aspect, self.message

    def to_json(self) -> dict[str, Any]:
        """The entry of `changes`."""
        return {
            "change": self.kind,
            "subject": self.subject,
            "name": self.name,
            "operation": self.operation,
            "aspect": self.aspect or None,
            "message": self.message,
            "verdict": self.verdict,
            "needs": self.needs,
            "affected": list(self.affected),
            "compatibility": self.compatibility.to_json() if self.compatibility else None,
            "parties": [party.to_json() for party in self.parties],
            "old": str(self.old) if self.old else None,
            "new": str(self.new) if self.new else None,
        }


class ChannelChanges(Struct, frozen=True, kw_only=True):
    """All that changed about one channel.

    Attributes:
        id: Its id in the new catalogue, or in the old one when it is gone.
        old_id: Its id in the old catalogue, None when it is new.
        producers, consumers: Keys of its operations in the new catalogue, or in the old one when it is gone.
    """

    id: str
    old_id: str | None
    kind: ChangeKind
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    changes: tuple[Change, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of its changes."""
        return worst(change.verdict for change in self.changes)

    def to_json(self) -> dict[str, Any]:
        """The entry of `channels`."""
        return {
            "id": self.id,
            "old_id": self.old_id,
            "change": self.kind,
            "verdict": self.verdict,
            "producers": list(self.producers),
            "consumers": list(self.consumers),
            "changes": [change.to_json() for change in self.changes],
        }


class Changes(Struct, frozen=True, kw_only=True):
    """The difference of two catalogues: channels with breaking changes first, then by id; unchanged ones left out.

    Attributes:
        documents_added, documents_removed: Names of documents that only one side has.
    """

    channels: tuple[ChannelChanges, ...] = ()
    documents_added: tuple[str, ...] = ()
    documents_removed: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Change]:
        """Every change, channel by channel."""
        for channel in self.channels:
            yield from channel.changes

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        return worst(change.verdict for change in self)

    def mode(self, mode: Mode) -> Verdict:
        """Whether a compatibility mode holds for all payloads and headers that changed."""
        return worst(change.compatibility.verdict(mode) for change in self if change.compatibility)

    def count(self, verdict: Verdict) -> int:
        """How many changes have a verdict."""
        return sum(1 for change in self if change.verdict == verdict)

    def of(self, channel_id: str) -> ChannelChanges | None:
        """The changes of a channel by either of its ids, None where nothing changed."""
        return next((one for one in self.channels if channel_id in (one.id, one.old_id)), None)

    def to_json(self) -> dict[str, Any]:
        """The answer of `catalog --diff --json`, without what the caller knows about the two sides."""
        modes: tuple[Mode, ...] = ("BACKWARD", "FORWARD", "FULL")
        verdicts: tuple[Verdict, ...] = ("breaking", "unknown", "compatible")
        return {
            "schema": "observatory.changes/1",
            "verdict": self.verdict,
            "modes": {mode: self.mode(mode) for mode in modes},
            "counts": {verdict: self.count(verdict) for verdict in verdicts},
            "documents": {"added": list(self.documents_added), "removed": list(self.documents_removed)},
            "channels": [channel.to_json() for channel in self.channels],
        }
