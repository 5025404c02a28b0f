"""Many documents, one estate: what they say about the same address on the same broker becomes one channel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from observatory.errors import Problem
from observatory.location import Location
from observatory.spec.bound import binding_of
from observatory.spec.catalog import CRITICALITIES, Catalog, Channel, Criticality, Operation, Owner, RuntimeName, Server
from observatory.spec.description import ChannelDraft, Description, OperationDraft
from observatory.spec.likeness import digest
from observatory.spec.servers import speaks

Group = list[ChannelDraft]
T = TypeVar("T")


def join(descriptions: Sequence[Description], problems: Iterable[Problem]) -> Catalog:
    """The catalogue of described documents; the order of the documents does not matter."""
    ordered = sorted(descriptions, key=lambda one: one.name)
    found = list(problems)
    ids: dict[int, str] = {}
    channels: list[tuple[str, Group]] = []
    for channel_id, group in _identified([draft for one in ordered for draft in one.channels]):
        channels.append((channel_id, group))
        ids |= {id(draft.declared): channel_id for draft in group}
    operations: list[tuple[Operation, OperationDraft]] = []
    for one in ordered:
        for draft in one.operations:
            reply = ids.get(id(draft.reply_channel)) if draft.reply_channel else None
            operation = replace(draft.operation, channel_id=ids[id(draft.channel)], reply_channel_id=reply)
            operations.append((operation, draft))
    operations.sort(key=lambda pair: pair[0].key)
    on: dict[str, list[tuple[Operation, OperationDraft]]] = defaultdict(list)
    for operation, draft in operations:
        on[operation.channel_id].append((operation, draft))
    joined: list[Channel] = []
    for channel_id, group in channels:
        found += _conflicts(channel_id, group, on[channel_id])
        joined.append(_channel(channel_id, group, on[channel_id]))
    return Catalog(
        documents=tuple(one.document() for one in ordered),
        channels=tuple(sorted(joined, key=lambda channel: channel.id)),
        operations=tuple(operation for operation, _ in operations),
        problems=tuple(found),
    )


def _identified(drafts: Sequence[ChannelDraft]) -> Iterator[tuple[str, Group]]:
    """Groups of drafts that are one channel, each with its id."""
    by_address: dict[tuple[str, str], Group] = defaultdict(list)
    for draft in drafts:
        if draft.naming.address is None:
            yield f"{draft.document}#{draft.declared.key}", [draft]
        else:
            by_address[draft.protocol or "unknown", draft.naming.address].append(draft)
    for (protocol, address), group in by_address.items():
        brokers = _by_broker(group)
        for broker, same_broker in brokers:
            exchanges = _by_exchange(same_broker)
            for exchange, same in exchanges:
                parts = [broker] if len(brokers) > 1 else []
                parts += [exchange] if len(exchanges) > 1 else []
                suffix = "@" + "/".join(part or "unknown" for part in parts) if parts else ""
                yield f"{protocol}:{address}{suffix}", same


def _by_broker(group: Group) -> list[tuple[str, Group]]:
    """Drafts that share a host, directly or by way of others; those without one join where there is no choice."""
    clusters: list[tuple[set[str], Group]] = []
    homeless: Group = []
    for draft in group:
        if not draft.hosts:
            homeless.append(draft)
            continue
        touching = [cluster for cluster in clusters if cluster[0] & draft.hosts]
        hosts, members = set(draft.hosts), [draft]
        for cluster in touching:
            hosts |= cluster[0]
            members = [*cluster[1], *members]
            clusters.remove(cluster)
        clusters.append((hosts, members))
    if homeless and len(clusters) == 1:
        clusters = [(clusters[0][0], [*clusters[0][1], *homeless])]
    elif homeless:
        clusters.append((set(), homeless))
    named = [(min(hosts) if hosts else "", _sorted(members)) for hosts, members in clusters]
    return sorted(named, key=lambda pair: pair[0])


def _by_exchange(group: Group) -> list[tuple[str, Group]]:
    """The same routing key on two exchanges is two channels; a document that names no exchange joins the only one."""
    parts: dict[str, Group] = defaultdict(list)
    for draft in group:
        key = draft.naming.names[0].kind in ("exchange", "routing_key") if draft.naming.names else False
        name = next((one.value for one in draft.naming.names if key and one.kind == "exchange"), "")
        parts[name].append(draft)
    if len(parts) == 2 and "" in parts:
        return [(next(name for name in parts if name), _sorted(group))]
    return sorted(parts.items())


def _sorted(group: Group) -> Group:
    return sorted(group, key=lambda draft: (draft.document, draft.declared.key))


def _channel(channel_id: str, group: Group, on: Sequence[tuple[Operation, OperationDraft]]) -> Channel:
    first = group[0]
    names: dict[tuple[str, str], RuntimeName] = {}
    for draft in group:
        for name in draft.naming.names:
            names.setdefault((name.kind, name.value), name)
    servers: dict[tuple[str, str], Server] = {}
    for draft in group:
        for server in draft.declared.servers:
            servers.setdefault((server.server.protocol, server.server.host), server.server)
    operations = [operation for operation, _ in on]
    domain = _first(
        (draft.domain, draft.domain_from) if draft.domain else None for draft in _producers_first(group, operations)
    )
    return Channel(
        id=channel_id,
        address=first.naming.address,
        protocol=first.protocol,
        names=tuple(names.values()),
        servers=tuple(servers.values()),
        broker=next((one.host for one in servers.values() if speaks(one, first.protocol)), None),
        title=_first(draft.declared.cursor.text("title") or draft.declared.cursor.text("summary") for draft in group),
        description=_first(draft.declared.cursor.text("description") for draft in group) or "",
        owner=_owner(group, operations),
        domain=domain[0] if domain else None,
        domain_provenance=domain[1] if domain else None,
        criticality=_highest([draft.criticality for draft in group] + [one.criticality for one in operations]),
        dead_letter=_first([draft.dead_letter for draft in group] + [draft.dead_letter for _, draft in on]),
        partitions=_first(_partitions(draft) for draft in group),
        operations=tuple(operation.key for operation in operations),
        documents=tuple(dict.fromkeys(draft.document for draft in group)),
        messages=tuple({one.name: one for draft in reversed(group) for one in reversed(draft.messages)}.values())[::-1],
        telemetry=_first(draft.telemetry for draft in group),
        bindings=_first(_plain_bindings(draft) for draft in group),
        facts=tuple(dict.fromkeys(fact for draft in group for fact in draft.facts)),
        location=first.declared.key_cursor.location(key=True),
    )


def _first(values: Iterable[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)


def _highest(found: Iterable[Criticality]) -> Criticality:
    return min(found, key=CRITICALITIES.index)


def _plain_bindings(draft: ChannelDraft) -> object:
    bindings = draft.declared.cursor.get("bindings")
    return bindings.plain() if bindings else None


def _partitions(draft: ChannelDraft) -> int | None:
    binding = binding_of(draft.declared.cursor, "kafka") if draft.protocol == "kafka" else None
    partitions = binding.get("partitions") if binding else None
    value = partitions.value if partitions else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _producers_first(group: Group, operations: Sequence[Operation]) -> Group:
    """Documents that send on the channel before those that only receive: who writes the messages owns them."""
    senders = {operation.document for operation in operations if operation.action == "send"}
    return sorted(group, key=lambda draft: draft.document not in senders)


def _owner(group: Group, operations: Sequence[Operation]) -> Owner | None:
    """The owner written on the channel itself, else that of a document which sends, else of one that receives."""
    on_channel = (draft.owner for draft in group if draft.owner_level == "channel")
    return _first(on_channel) or _first(draft.owner for draft in _producers_first(group, operations))


def _conflicts(channel_id: str, group: Group, on: Sequence[tuple[Operation, OperationDraft]]) -> Iterator[Problem]:
    """What documents about one channel do not agree on."""
    if len(group) < 2:
        return
    yield from _conflicting_owners(channel_id, group)
    yield from _conflicting_bindings(channel_id, group)
    yield from _conflicting_messages(channel_id, on)


def _conflicting_owners(channel_id: str, group: Group) -> Iterator[Problem]:
    named = [draft for draft in group if draft.owner is not None and draft.owner_level == "channel"]
    teams = {draft.owner.team: draft for draft in named if draft.owner}
    if len(teams) > 1:
        first, second = list(teams.values())[:2]
        message = f"two documents name different owners: {_both(list(teams))}"
        yield _conflict("conflict-owner", channel_id, message, second, f"{first.document} says otherwise", "x-owner")


def _conflicting_bindings(channel_id: str, group: Group) -> Iterator[Problem]:
    seen: dict[str, tuple[object, ChannelDraft]] = {}
    for draft in group:
        binding = binding_of(draft.declared.cursor, draft.protocol or "")
        for key, value in binding.entries() if binding else ():
            if key == "bindingVersion" or key.startswith("x-"):
                continue
            mark = digest(value.plain())
            known = seen.setdefault(key, (mark, draft))
            if known[0] != mark:
                message = f"{known[1].document} and {draft.document} declare different {draft.protocol}.{key}"
                yield Problem(
                    code="conflict-binding",
                    severity="warning",
                    message=message,
                    location=value.location(),
                    hint="the broker can have only one; `observatory drift` shows which",
                    subject=channel_id,
                )


def _conflicting_messages(channel_id: str, on: Sequence[tuple[Operation, OperationDraft]]) -> Iterator[Problem]:
    seen: dict[str, tuple[object, str]] = {}
    for operation, _ in on:
        for message in operation.messages:
            if message.schema is None:
                continue
            mark = digest(message.schema)
            known = seen.setdefault(message.name, (mark, operation.document))
            if known[0] != mark and known[1] != operation.document:
                text = f"{known[1]} and {operation.document} declare different payloads for {message.name!r}"
                yield Problem(
                    code="conflict-schema",
                    severity="warning",
                    message=text,
                    location=message.location,
                    subject=channel_id,
                )


def _both(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _conflict(code: str, channel_id: str, message: str, draft: ChannelDraft, label: str, key: str) -> Problem:
    location: Location = draft.declared.cursor.location(key)
    return Problem(code=code, severity="warning", message=message, location=location, label=label, subject=channel_id)
