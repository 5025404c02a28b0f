"""What changed about the messages of an operation or a channel, and for whom it matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from observatory.spec.catalog import Channel, Operation
from observatory.spec.changes.json_schema import Effort
from observatory.spec.changes.pairing import pair_messages
from observatory.spec.changes.payloads import compare_headers, compare_payloads
from observatory.spec.changes.records import VERDICT_ORDER, Change, Party
from observatory.spec.changes.verdict import COMPATIBLE, SAME, Compatibility, Mode, Verdict, worst
from observatory.spec.likeness import digest
from observatory.spec.parts import Message

_CAN: dict[Verdict, str] = {
    "breaking": "cannot read all of",
    "unknown": "may not be able to read",
    "compatible": "can read",
}


class MessageComparison(Struct):
    """Compares messages; a pair of schemas that many operations share is compared once."""

    _known: dict[tuple[str, str, str], Compatibility] = field(default_factory=dict)
    _effort: Effort = field(default_factory=Effort)
    _marks: dict[int, str] = field(default_factory=dict)

    def of_operation(self, old: Operation, new: Operation, others: Sequence[Operation]) -> Iterator[Change]:
        """Changes of the messages of an operation.

        Args:
            others: Consumers of the channel where the operation sends, producers where it receives.
        """
        sends = new.action == "send"
        pairs = pair_messages(old.messages, new.messages)
        for before, after in pairs.both:
            yield from self._changed(before, after, new, others)
        for message in pairs.removed:
            yield (
                _removed(message, new, others)
                if not sends
                else Change(
                    kind="removed",
                    subject="message",
                    name=message.name,
                    operation=new.key,
                    message=f"{new.key} does not send {message.name} any more",
                    old=message.location,
                )
            )
        for message in pairs.added:
            yield (
                _added(message, new, others)
                if sends
                else Change(
                    kind="added",
                    subject="message",
                    name=message.name,
                    operation=new.key,
                    message=f"{new.key} receives {message.name} as well",
                    new=message.location,
                )
            )

    def of_channel(self, channel: Channel, old: Sequence[Message], new: Sequence[Message]) -> Iterator[Change]:
        """Changes of messages that no operation uses: both directions matter."""
        pairs = pair_messages(old, new)
        for before, after in pairs.both:
            yield from self._changed(before, after, None, ())
        for message in pairs.removed:
            text = f"message {message.name} removed from {channel.id}"
            yield Change(
                kind="removed",
                subject="message",
                name=message.name,
                message=text,
                verdict="unknown",
                old=message.location,
            )
        for message in pairs.added:
            text = f"message {message.name} added to {channel.id}"
            yield Change(kind="added", subject="message", name=message.name, message=text, new=message.location)

    def _changed(
        self, old: Message, new: Message, operation: Operation | None, others: Sequence[Operation]
    ) -> Iterator[Change]:
        change = partial(
            Change,
            kind="changed",
            subject="message",
            name=new.name,
            operation=operation.key if operation else None,
            old=old.location,
            new=new.location,
        )
        if old.name != new.name:
            yield change(aspect="name", message=f"message {old.name} is now called {new.name}")
        for aspect, compared in (("payload", self._payload(old, new)), ("headers", self._headers(old, new))):
            if compared is None or compared is SAME:
                continue  # the same but for what is said to people
            needs: Mode = "FULL" if operation is None else "FORWARD" if operation.action == "send" else "BACKWARD"
            parties = self._parties(old, new, operation, others, compared) if aspect == "payload" else ()
            verdict = worst([compared.verdict(needs), *(party.reading.verdict for party in parties)])
            endangered = [party.operation for party in parties if party.reading.verdict != "compatible"]
            if operation is not None and operation.action == "receive" and verdict != "compatible":
                endangered = [operation.key]
            yield change(
                aspect=aspect,
                message=f"{aspect} of {new.name} changed: {_outcome(verdict, operation, parties)}",
                verdict=verdict,
                needs=needs,
                affected=tuple(endangered),
                compatibility=compared,
                parties=parties,
            )
        if old.content_type != new.content_type:
            verdict = _media_types(old.content_type, new.content_type)
            message = f"content type of {new.name} {old.content_type or 'unsaid'} became {new.content_type or 'unsaid'}"
            affected = _endangered(operation, others) if verdict != "compatible" else ()
            yield change(aspect="content type", message=message, verdict=verdict, affected=affected)

    def _parties(
        self,
        old: Message,
        new: Message,
        operation: Operation | None,
        others: Sequence[Operation],
        compared: Compatibility,
    ) -> tuple[Party, ...]:
        """Each of the other side by the schema that it declares itself; what it could not read before is no change."""
        found: list[Party] = []
        for other in others:
            own = next((one for one in other.messages if one.name in (old.name, new.name)), None)
            sends = operation is not None and operation.action == "send"
            reading = compared.forward if sends else compared.backward
            if own is not None and own.schema is not None and self._mark(own) != self._mark(old):
                before, after = (
                    (self._compared(one, own) if sends else self._compared(own, one)).backward for one in (old, new)
                )
                reading = after if VERDICT_ORDER[after.verdict] < VERDICT_ORDER[before.verdict] else COMPATIBLE
            found.append(Party(operation=other.key, reading=reading))
        return tuple(found)

    def _payload(self, old: Message, new: Message) -> Compatibility | None:
        """None where nothing changed."""
        return None if self._mark(old) == self._mark(new) else self._compared(old, new)

    def _compared(self, old: Message, new: Message) -> Compatibility:
        key = ("payload", self._mark(old), self._mark(new))
        if key not in self._known:
            self._known[key] = compare_payloads(old, new, self._effort)
        return self._known[key]

    def _mark(self, message: Message) -> str:
        """Equal for payloads that are written the same; the catalogues keep the messages, and so the addresses."""
        if id(message) not in self._marks:
            self._marks[id(message)] = digest([message.schema, message.schema_format, dict(message.definitions)])
        return self._marks[id(message)]

    def _headers(self, old: Message, new: Message) -> Compatibility | None:
        marks = digest([old.headers, dict(old.definitions)]), digest([new.headers, dict(new.definitions)])
        if digest(old.headers) == digest(new.headers):
            return None
        key = ("headers", *marks)
        if key not in self._known:
            self._known[key] = compare_headers(old, new, self._effort)
        return self._known[key]


def _endangered(operation: Operation | None, others: Sequence[Operation]) -> tuple[str, ...]:
    """Whoever reads: the consumers where an operation sends, itself where it receives."""
    if operation is None:
        return ()
    return tuple(one.key for one in others) if operation.action == "send" else (operation.key,)


def _outcome(verdict: Verdict, operation: Operation | None, parties: Sequence[Party]) -> str:
    """Who can read what, in words: for the operation that needs it."""
    if operation is None:
        return (
            f"one of old and new {_CAN[verdict]} the other"
            if verdict != "compatible"
            else "old and new read each other"
        )
    sends = operation.action == "send"
    said: list[str] = []
    for word, can in _CAN.items():
        names = [party.operation for party in parties if party.reading.verdict == word]
        if names and sends:
            said.append(f"{', '.join(names)} {can} it")
        elif names:
            said.append(f"{operation.key} {can} what {', '.join(names)} {'writes' if len(names) == 1 else 'write'}")
    if not parties or worst(party.reading.verdict for party in parties) != verdict:
        if sends:
            said.append(f"{'others' if parties else 'readers'} by the old schema {_CAN[verdict]} it")
        else:
            written = "what others write" if parties else "what was written"
            said.append(f"{operation.key} {_CAN[verdict]} {written} by the old schema")
    return "; ".join(said)


def _removed(message: Message, operation: Operation, others: Sequence[Operation]) -> Change:
    """A message that a consumer takes no more: that breaks it where a producer sends it still."""
    senders = tuple(one.key for one in others if any(known.name == message.name for known in one.messages))
    verdict: Verdict = "breaking"
    if senders:
        text = f"{operation.key} does not receive {message.name} any more, which {', '.join(senders)} may send"
    else:
        verdict = "compatible" if others else "unknown"
        known = "no known producer sends" if others else "producers, of which the catalogue knows none, may send"
        text = f"{operation.key} does not receive {message.name} any more, which {known}"
    return Change(
        kind="removed",
        subject="message",
        name=message.name,
        operation=operation.key,
        message=text,
        verdict=verdict,
        needs="BACKWARD",
        affected=(operation.key,) if verdict != "compatible" else (),
        old=message.location,
    )


def _added(message: Message, operation: Operation, others: Sequence[Operation]) -> Change:
    """A message that a producer sends besides: consumers that do not declare it may not know what to do with it."""
    strangers = tuple(one.key for one in others if not any(known.name == message.name for known in one.messages))
    text = f"{operation.key} sends {message.name} as well"
    change = Change(
        kind="added",
        subject="message",
        name=message.name,
        operation=operation.key,
        message=text,
        needs="FORWARD",
        new=message.location,
    )
    if not strangers:
        return change
    text += f", which {', '.join(strangers)} {'does' if len(strangers) == 1 else 'do'} not declare"
    return replace(change, message=text, verdict="unknown", affected=strangers)


def _media_types(old: str | None, new: str | None) -> Verdict:
    """Another media type breaks; one that was not said, a parameter or another kind of JSON leaves it open."""
    if old is None or new is None:
        return "unknown"
    before, after = [text.partition(";")[0].strip().lower() for text in (old, new)]
    if before == after or all(text == "application/json" or text.endswith("+json") for text in (before, after)):
        return "unknown"
    return "breaking"
