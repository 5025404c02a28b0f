"""Many documents, one estate: what they say about the same address on the same broker becomes one channel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from observatory.errors import Problem
from observatory.spec.bound_values import BindingFact
from observatory.spec.catalog import CRITICALITIES, Catalog, Channel, Criticality, Operation, Owner, RuntimeName
from observatory.spec.conflicts import conflicts
from observatory.spec.drafts import ChannelDraft, DocumentDraft, OperationDraft
from observatory.spec.overlaps import overlapping
from observatory.spec.parts import Server
from observatory.spec.sameness import Group, Member, grouped
from observatory.spec.servers import speaks

Placed = tuple[Operation, OperationDraft]
T = TypeVar("T")


def join(named: Sequence[tuple[str, DocumentDraft]], problems: Iterable[Problem]) -> Catalog:
    """The catalogue of described documents; their order does not matter.

    Args:
        named: Each document with its name, which no other has.
        problems: What was found in them.
    """
    ordered = sorted(named, key=lambda one: one[0])
    found = list(problems)
    groups = grouped(
        [Member(name, position, draft) for name, one in ordered for position, draft in enumerate(one.channels)]
    )
    ids = {(one.document, one.position): group.id for group in groups for one in group.members}
    operations: list[Placed] = []
    for name, one in ordered:
        for draft in one.operations:
            reply = None if draft.reply_channel is None else ids[name, draft.reply_channel]
            operations.append((_placed(draft.operation, name, ids[name, draft.channel], reply), draft))
    operations.sort(key=lambda pair: pair[0].key)
    on: dict[str, list[Placed]] = defaultdict(list)
    for operation, draft in operations:
        on[operation.channel_id].append((operation, draft))
    overlaps, unchecked = overlapping(groups)
    found += unchecked
    channels: list[Channel] = []
    for group in groups:
        found += conflicts(group, [operation for operation, _ in on[group.id]])
        channels.append(_channel(group, on[group.id], overlaps.get(group.id, ())))
    return Catalog(
        documents=tuple(replace(one.document, name=name) for name, one in ordered),
        channels=tuple(channels),
        operations=tuple(operation for operation, _ in operations),
        problems=tuple(found),
    )


def _placed(operation: Operation, document: str, channel_id: str, reply_channel_id: str | None) -> Operation:
    key = f"{document}/{operation.name}"
    return replace(
        operation,
        key=key,
        document=document,
        facts=_facts_of(operation.facts, document, key),
        channel_id=channel_id,
        reply_channel_id=reply_channel_id,
    )


def _channel(group: Group, on: Sequence[Placed], overlaps: Sequence[str]) -> Channel:
    members = [one.draft for one in group.members]
    servers: dict[tuple[str, str], Server] = {}
    for draft in members:
        for server in draft.servers:
            servers.setdefault((server.protocol, server.host), server)
    operations = [operation for operation, _ in on]
    facts = tuple(dict.fromkeys(fact for one in group.members for fact in _facts_of(one.draft.facts, one.document)))
    senders_first = [one.draft for one in _senders_first(group.members, operations)]
    domain = _first((draft.domain, draft.domain_from) if draft.domain else None for draft in senders_first)
    return Channel(
        id=group.id,
        address=group.address,
        protocol=group.protocol,
        names=_names(group.members),
        servers=tuple(servers.values()),
        broker=next((one.host for one in servers.values() if speaks(one, group.protocol)), None),
        title=_first(draft.title for draft in members),
        description=_first(draft.description for draft in members) or "",
        owner=_owner(group.members, senders_first),
        domain=domain[0] if domain else None,
        domain_provenance=domain[1] if domain else None,
        criticality=_highest([draft.criticality for draft in members] + [one.criticality for one in operations]),
        dead_letter=_first([draft.dead_letter for draft in members] + [draft.dead_letter for _, draft in on]),
        partitions=_first(_partitions(fact) for fact in facts),
        operations=tuple(operation.key for operation in operations),
        documents=tuple(sorted({one.document for one in group.members})),
        overlaps=tuple(overlaps),
        messages=tuple({one.name: one for draft in members[::-1] for one in draft.messages[::-1]}.values())[::-1],
        telemetry=_first(draft.telemetry for draft in members),
        bindings=_first(draft.bindings for draft in members),
        facts=facts,
        location=members[0].location,
    )


def _names(members: Sequence[Member]) -> tuple[RuntimeName, ...]:
    """Names of all members, each once; the word for no protocol in particular only where there is no better one."""
    names: dict[tuple[str, str], RuntimeName] = {}
    for one in members:
        for name in one.draft.naming.names:
            names.setdefault((name.kind, name.pattern or name.value), name)
    better = {name.value for name in names.values() if name.kind != "destination"}
    return tuple(name for name in names.values() if name.kind != "destination" or name.value not in better)


def _facts_of(facts: Sequence[BindingFact], document: str, operation: str | None = None) -> tuple[BindingFact, ...]:
    """Facts under the final name of their document."""
    return tuple(
        fact if fact.document == document else replace(fact, document=document, operation=operation) for fact in facts
    )


def _first(values: Iterable[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)


def _highest(found: Iterable[Criticality]) -> Criticality:
    return min(found, key=CRITICALITIES.index)


def _partitions(fact: BindingFact) -> int | None:
    """The number of partitions; None for another fact, and for a number that can be none."""
    value = fact.value if fact.key == "kafka.partitions" and fact.level == "channel" else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _senders_first(members: Sequence[Member], operations: Sequence[Operation]) -> list[Member]:
    """Documents that send on the channel before those that only receive: who writes the messages owns them."""
    senders = {operation.document for operation in operations if operation.action == "send"}
    return sorted(members, key=lambda one: one.document not in senders)


def _owner(members: Sequence[Member], senders_first: Sequence[ChannelDraft]) -> Owner | None:
    """The owner written on the channel itself, else that of a document which sends, else of one that receives."""
    on_channel = (one.draft.owner for one in members if one.draft.owner_level == "channel")
    return _first(on_channel) or _first(draft.owner for draft in senders_first)
