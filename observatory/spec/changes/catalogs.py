"""The difference of two catalogues, a pure function: what changed on each channel, and whom it breaks.

Producers write and consumers read. A document that sends and changes its payload endangers those who consume already,
so it needs FORWARD; a document that receives and changes what it expects endangers itself, so it needs BACKWARD.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from observatory.spec.catalog import Action, Catalog, Channel, Operation
from observatory.spec.changes.details import channel_differences, operation_differences
from observatory.spec.changes.messages import MessageComparison
from observatory.spec.changes.pairing import Identities, identify, pair_operations
from observatory.spec.changes.records import VERDICT_ORDER, Change, Changes, ChannelChanges
from observatory.spec.changes.verdict import Verdict
from observatory.spec.parts import Message


def changes_between(old: Catalog, new: Catalog) -> Changes:
    """What changed from one catalogue to another. Same catalogues, same answer, byte for byte."""
    return _Comparison(identify(old, new)).changes()


@dataclass(slots=True)
class _Comparison:
    """Walks over the channels.

    Attributes:
        was: For each operation of the new catalogue, by its key, what it was in the old one.
        now: For each operation of the old catalogue what it is in the new one.
    """

    identities: Identities
    was: dict[str, Operation] = field(init=False)
    now: dict[str, Operation] = field(init=False)
    messages: MessageComparison = field(default_factory=MessageComparison)

    def __post_init__(self) -> None:
        old, new = self.identities.old, self.identities.new
        pairs = pair_operations(self.identities, old.operations, new.operations)
        self.was = {after.key: before for before, after in pairs.both}
        self.now = {before.key: after for before, after in pairs.both}

    def changes(self) -> Changes:
        identities = self.identities
        found = [self._removed(channel) for channel in identities.channels.removed]
        found += [self._added(channel) for channel in identities.channels.added]
        found += [self._changed(before, after) for before, after in identities.channels.both]
        kept = [one for one in found if one.changes]
        kept_names = set(identities.documents.values())
        return Changes(
            channels=tuple(sorted(kept, key=lambda one: (VERDICT_ORDER[one.verdict], one.id, one.old_id or ""))),
            documents_added=tuple(one.name for one in identities.new.documents if one.name not in kept_names),
            documents_removed=tuple(
                one.name for one in identities.old.documents if one.name not in identities.documents
            ),
        )

    def _removed(self, channel: Channel) -> ChannelChanges:
        old = self.identities.old
        senders, receivers = _keys(old, channel, "send"), _keys(old, channel, "receive")
        gone = [key for key in receivers if key not in self.now]
        left = [key for key in receivers if key not in gone]
        breaking = bool(senders) or not receivers
        said = f"; {_listed(left)} left it" if left else ""
        message = f"channel {channel.id} removed" + (f"; it was consumed by {_listed(receivers)}" if gone else said)
        change = Change(
            kind="removed",
            subject="channel",
            name=channel.id,
            message=message,
            verdict="breaking" if breaking else "compatible",
            affected=tuple(receivers) if breaking else (),
            old=channel.location,
        )
        return ChannelChanges(
            id=channel.id,
            old_id=channel.id,
            kind="removed",
            producers=tuple(senders),
            consumers=tuple(receivers),
            changes=(change,),
        )

    def _added(self, channel: Channel) -> ChannelChanges:
        senders, receivers = _keys(self.identities.new, channel, "send"), _keys(self.identities.new, channel, "receive")
        who = [f"produced by {_listed(senders)}"] if senders else []
        who += [f"consumed by {_listed(receivers)}"] if receivers else []
        changes = [
            Change(
                kind="added",
                subject="channel",
                name=channel.id,
                message=f"channel {channel.id} added{': ' if who else ''}{', '.join(who)}",
                new=channel.location,
            )
        ]
        for operation in self.identities.new.operations_on(channel.id):
            if (before := self.was.get(operation.key)) is not None:
                changes += self._operation(before, operation)
        return self._record(channel, None, "added", changes)

    def _changed(self, before: Channel, after: Channel) -> ChannelChanges:
        affected = self._participants(before)
        differences = list(channel_differences(before, after))
        changes = [
            Change(
                kind="changed",
                subject="channel",
                name=after.id,
                aspect=one.aspect,
                message=one.message,
                verdict=one.verdict,
                affected=affected if one.verdict != "compatible" else (),
                old=before.location,
                new=after.location,
            )
            for one in differences
        ]
        said = frozenset(one.message for one in differences)
        for other in self.identities.new.operations_on(after.id):
            if (operation := self.was.get(other.key)) is not None:
                changes += self._operation(operation, other, said)
            else:
                changes.append(
                    Change(
                        kind="added",
                        subject="operation",
                        name=other.key,
                        message=f"{other.key} {_does(other)} here",
                        new=other.location,
                    )
                )
        for operation in self.identities.old.operations_on(before.id):
            now = self.now.get(operation.key)
            if now is None or now.channel_id != after.id:
                changes.append(self._left(after, operation, now))
        changes += self._channel_messages(before, after)
        return self._record(after, before, "changed", changes)

    def _record(self, channel: Channel, before: Channel | None, kind: str, changes: Sequence[Change]) -> ChannelChanges:
        new = self.identities.new
        return ChannelChanges(
            id=channel.id,
            old_id=before.id if before else None,
            kind="added" if kind == "added" else "changed",
            producers=tuple(_keys(new, channel, "send")),
            consumers=tuple(_keys(new, channel, "receive")),
            changes=tuple(sorted(dict.fromkeys(changes), key=Change.order)),
        )

    def _participants(self, channel: Channel) -> tuple[str, ...]:
        return tuple(one.key for one in self.identities.old.operations_on(channel.id))

    def _left(self, after: Channel, operation: Operation, now: Operation | None) -> Change:
        """An operation that is on a channel no more. Consumers miss a producer; nobody misses a consumer."""
        message = (
            f"{operation.key} {_does(operation)} here no more"
            if now is None
            else (f"{operation.key} moved to {now.channel_id}")
        )
        verdict: Verdict = "compatible"
        affected: tuple[str, ...] = ()
        if operation.action == "send":
            receivers = [key for key in _keys(self.identities.new, after, "receive") if key != operation.key]
            others = _keys(self.identities.new, after, "send")
            if receivers:
                affected = tuple(receivers)
                verdict = "unknown" if others else "breaking"
                rest = (
                    f"{_listed(others)} still {'sends' if len(others) == 1 else 'send'}"
                    if others
                    else "nobody sends now"
                )
                message += f"; {rest}, {_listed(receivers)} still {'consumes' if len(receivers) == 1 else 'consume'}"
        return Change(
            kind="changed" if now else "removed",
            subject="operation",
            name=now.key if now else operation.key,
            aspect="channel" if now else "",
            message=message,
            verdict=verdict,
            affected=affected,
            old=operation.location,
            new=now.location if now else None,
        )

    def _operation(self, old: Operation, new: Operation, said: frozenset[str] = frozenset()) -> Iterator[Change]:
        """What changed about an operation; what is said of its channel already, such as an owner, is not repeated."""
        change = partial(Change, kind="changed", subject="operation", name=new.key, old=old.location, new=new.location)
        came_from = self.identities.channel_ids.get(old.channel_id, old.channel_id)
        moved = came_from != new.channel_id
        if moved:
            yield change(aspect="channel", message=f"{new.key} moved here from {old.channel_id}")
        if old.key != new.key:
            yield change(aspect="name", message=f"{old.key} is now called {new.key}")
        if old.action != new.action:
            keys = [one.key for one in self._others(old)]
            message = f"{new.key} {_does(new)} now, and {'sent' if old.action == 'send' else 'received'} before"
            yield change(aspect="direction", message=message, verdict="breaking", affected=(new.key, *keys))
            return
        for one in operation_differences(old, new):
            if one.message in said and one.verdict == "compatible":
                continue
            affected = (new.key,) if one.verdict != "compatible" else ()
            yield change(aspect=one.aspect, message=one.message, verdict=one.verdict, affected=affected)
        others = self._others(old) if not moved else []
        yield from self.messages.of_operation(old, new, others)

    def _others(self, operation: Operation) -> list[Operation]:
        """The other side of a channel as the old catalogue knows it, where it is still there."""
        side: Action = "receive" if operation.action == "send" else "send"
        return [
            one
            for one in self.identities.old.operations_on(operation.channel_id, side)
            if one.key != operation.key and one.key in self.now
        ]

    def _channel_messages(self, before: Channel, after: Channel) -> Iterator[Change]:
        """Messages that a channel lists and no operation on it uses: who sends and who receives them is not said."""
        old, new = self.identities.old, self.identities.new
        used = {one.name for operation in old.operations_on(before.id) for one in operation.messages}
        used |= {one.name for operation in new.operations_on(after.id) for one in operation.messages}

        def unused(channel: Channel) -> list[Message]:
            return [one for one in channel.messages if one.name not in used]

        yield from self.messages.of_channel(after, unused(before), unused(after))


def _does(operation: Operation) -> str:
    return "sends" if operation.action == "send" else "receives"


def _keys(catalog: Catalog, channel: Channel, action: Action) -> list[str]:
    return [one.key for one in catalog.operations_on(channel.id, action)]


def _listed(words: Sequence[str]) -> str:
    return " and ".join([*([", ".join(words[:-1])] if len(words) > 1 else []), *words[-1:]])
