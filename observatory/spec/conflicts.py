"""What documents about one channel do not agree on: its owner, its binding, what its messages hold.

Each finding stands at the later of two places and names the earlier one, by the order of the documents' names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from observatory.errors import Problem
from observatory.location import Location
from observatory.spec.bound_values import BindingFact
from observatory.spec.catalog import Operation
from observatory.spec.likeness import digest, schema_digest
from observatory.spec.parts import Message
from observatory.spec.sameness import Group, Member

_FORMATS = ("avro", "protobuf", "raml")
MAX_NAMED = 5
MAX_SHOWN = 40


def conflicts(group: Group, operations: Sequence[Operation]) -> Iterator[Problem]:
    """Contradictions between documents about one channel, each told once; nothing for a channel of one document."""
    documents = {one.document for one in group.members}
    if len(documents) < 2:
        return
    members = sorted(group.members, key=lambda one: (one.document, one.position))
    yield from _owners(group.id, members, operations)
    yield from _bindings(group, members)
    yield from _messages(group.id, operations)


def _owners(channel_id: str, members: Sequence[Member], operations: Sequence[Operation]) -> Iterator[Problem]:
    teams: dict[str, Location] = {}
    for one in members:
        if one.draft.owner is not None and one.draft.owner_level == "channel":
            teams.setdefault(one.draft.owner.team, one.draft.owner_at or one.draft.location)
    if len(teams) > 1:
        (first, first_at), (_, at) = list(teams.items())[:2]
        yield Problem(
            code="conflict-owner",
            severity="warning",
            message=f"two documents name different owners: {_listed(list(teams))}; {first} stands at {first_at}",
            location=at,
            label=f"{first} at {first_at}",
            hint="let the document of the producer name the owner, and take x-owner out of the other channel",
            subject=channel_id,
        )
    if teams:
        return
    sending: dict[str, Operation] = {}
    for operation in operations:
        if operation.action == "send" and operation.owner is not None:
            sending.setdefault(operation.owner.team, operation)
    if len(sending) > 1:
        sender, other = list(sending.values())[:2]
        yield Problem(
            code="owner-unclear",
            severity="info",
            message=f"senders with different owners share the channel, {_listed(list(sending))}; it names none itself",
            location=other.location,
            label=f"{sender.key} at {sender.location}",
            hint="name one on the channel: x-owner",
            subject=channel_id,
        )


def _bindings(group: Group, members: Sequence[Member]) -> Iterator[Problem]:
    seen: dict[str, tuple[BindingFact, str]] = {}
    told: set[tuple[str, str]] = set()
    for one in members:
        for fact in one.draft.facts if one.draft.protocol == group.protocol else ():
            if fact.level != "channel":
                continue
            first, document = seen.setdefault(fact.key, (fact, one.document))
            mark = _value_mark(fact)
            if _value_mark(first) == mark or (fact.key, mark) in told:
                continue
            told.add((fact.key, mark))
            yield Problem(
                code="conflict-binding",
                severity="warning",
                message=f"{document} and {one.document} declare different {fact.key}: "
                f"{_shown(first)} and {_shown(fact)}; the first at {first.location}",
                location=fact.location,
                label=f"{_shown(first)} at {first.location}",
                hint="the broker can have only one; `observatory drift` shows which",
                subject=group.id,
            )


def _value_mark(fact: BindingFact) -> str:
    """Equal for equal values; the order of a list does not count."""
    value = fact.value
    return digest(sorted(map(digest, value))) if isinstance(value, tuple) else digest(value)


def _shown(fact: BindingFact) -> str:
    value = fact.value
    if isinstance(value, tuple):
        text = f"[{', '.join(map(_word, value))}]"
        return text if len(text) <= MAX_SHOWN else f"a list of {len(value)}"
    text = _word(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _messages(channel_id: str, operations: Sequence[Operation]) -> Iterator[Problem]:
    by_document: dict[str, dict[str, Message]] = {}
    for operation in operations:
        for message in operation.messages:
            by_document.setdefault(operation.document, {}).setdefault(message.name, message)
    alike: dict[str, list[tuple[str, Message]]] = {}
    for document, messages in sorted(by_document.items()):
        for name, message in messages.items():
            alike.setdefault(name, []).append((document, message))
    # Where every document knows a single message by a name of its own, it is the same one.
    strangers = [
        (document, message)
        for document, messages in sorted(by_document.items())
        if len(messages) == 1
        for name, message in messages.items()
        if len(alike[name]) == 1
    ]
    for same in [*alike.values(), strangers]:
        yield from _variants(channel_id, same)


def _variants(channel_id: str, same: Sequence[tuple[str, Message]]) -> Iterator[Problem]:
    """What is said differently about one message; each variant once, against the first."""
    told: set[str] = set()
    declared = [(document, message) for document, message in same if message.schema is not None]
    for document, message in declared[1:]:
        first_document, first = declared[0]
        if message.location is not None and message.location == first.location:
            continue
        forms = _form(first), _form(message)
        mark = forms[1] if forms[0] != forms[1] else _mark(message)
        if mark in told or (forms[0] == forms[1] and mark == _mark(first)):
            continue
        told.add(mark)
        what = "payloads" if forms[0] == forms[1] else f"payloads ({forms[0]} and {forms[1]})"
        called = repr(message.name) if message.name == first.name else f"{first.name!r} and {message.name!r}"
        yield Problem(
            code="conflict-schema",
            severity="warning",
            message=f"{first_document} and {document} declare different {what} for {called}; "
            f"the first at {first.location}",
            location=message.location,
            label=f"{first_document} at {first.location}",
            hint="keep the schema in one file that both refer to",
            subject=channel_id,
        )


def _form(message: Message) -> str:
    """The language of a payload."""
    written = (message.schema_format or "").lower()
    return next((form for form in _FORMATS if form in written), "json schema")


def _mark(message: Message) -> str:
    return schema_digest(message.schema) if _form(message) in ("json schema", "avro") else digest(message.schema)


def _listed(words: Sequence[str]) -> str:
    shown = list(words[:MAX_NAMED])
    more = f" and {len(words) - MAX_NAMED} others" if len(words) > MAX_NAMED else f" and {shown.pop()}"
    return ", ".join(shown) + more
