"""Who talks to whom: questions that people ask of a catalogue, and the JSON that answers them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from observatory.spec.bound_values import BindingFact, ConsumerIdentity
from observatory.spec.catalog import Catalog, Channel, Operation, RuntimeName
from observatory.spec.languages import matches
from observatory.spec.orphans import Orphan, orphans, replies
from observatory.spec.participant import Participant, declared_on


def find_channels(catalog: Catalog, word: str) -> list[Channel]:
    """Channels that a word names: by id, address, runtime name, or key in a document; `*` stands for anything.

    A real name that falls under the pattern of a parametrised address names that channel too, and so does a part of a
    name that only one channel has.
    """
    exact = [channel for channel in catalog.channels if word in _words(catalog, channel)]
    if exact:
        return exact
    if "*" in word:
        return [
            channel
            for channel in catalog.channels
            if any(fnmatchcase(known, word) for known in _words(catalog, channel))
        ]
    under = [
        channel
        for channel in catalog.channels
        if any(name.pattern and name.kind != "subscription" and matches(name.pattern, word) for name in channel.names)
    ]
    holding = [] if under else channels_with(catalog, word)
    return under or (holding if len(holding) == 1 else [])


def channels_with(catalog: Catalog, part: str) -> list[Channel]:
    """Channels with a name that holds a part; capitals do not count."""
    wanted = _form(part)
    return [
        channel
        for channel in catalog.channels
        if wanted and any(wanted in _form(known) for known in _words(catalog, channel))
    ]


def with_overlaps(catalog: Catalog, channels: Sequence[Channel]) -> list[Channel]:
    """Channels, and behind them those that the same messages may pass."""
    found = {channel.id: channel for channel in channels}
    for channel in channels:
        for other in channel.overlaps:
            found.setdefault(other, catalog.channel(other))
    return list(found.values())


def search(catalog: Catalog, word: str) -> list[Channel]:
    """Channels about which a word is said anywhere: names, titles, descriptions, services, owners, messages, tags.

    Capitals do not count, nor do ways to write the same character.
    """
    wanted = _form(word)
    titles = {document.name: document.title for document in catalog.documents}
    return [
        channel
        for channel in catalog.channels
        if any(wanted in _form(text) for text in _texts(catalog, channel, titles))
    ]


def _form(text: str) -> str:
    return text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def catalog_json(
    catalog: Catalog,
    channels: Iterable[Channel] | None = None,
    participants: Mapping[str, Sequence[Participant]] | None = None,
    alone: Sequence[Orphan] | None = None,
) -> dict[str, Any]:
    """The answer of `catalog --json`.

    Args:
        channels: Those to show; all when None.
        participants: By channel id, with what telemetry shows; those that documents declare when None.
        alone: What `orphans` found, for callers that have asked; asked here when None.
    """
    lonely = orphans(catalog) if alone is None else alone
    answering = replies(catalog)
    shown = catalog.channels if channels is None else tuple(channels)
    return {
        "schema": "observatory.catalog/1",
        "channels": [
            _channel_json(
                catalog,
                channel,
                declared_on(catalog, channel.id) if participants is None else participants[channel.id],
                answering.get(channel.id, ()),
            )
            for channel in shown
        ],
        "documents": [
            {
                "name": document.name,
                "path": document.path,
                "asyncapi": document.version,
                "title": document.title,
                "service": document.service,
                "service_provenance": document.service_provenance,
                "owner": document.owner.team if document.owner else None,
                "ownership": document.owner.to_json() if document.owner else None,
                "domain": document.domain,
                "domain_provenance": document.domain_provenance,
            }
            for document in catalog.documents
        ],
        "never_received": [one.channel.id for one in lonely if one.missing == "receive"],
        "never_sent": [one.channel.id for one in lonely if one.missing == "send"],
        "problems": [problem.to_json() for problem in catalog.problems],
    }


def _channel_json(
    catalog: Catalog, channel: Channel, participants: Sequence[Participant], answering: Sequence[Operation]
) -> dict[str, Any]:
    operations = list(catalog.operations_on(channel.id))
    return {
        "id": channel.id,
        "address": channel.address,
        "protocol": channel.protocol,
        "servers": [{"name": server.name, "host": server.host} for server in channel.servers],
        "owner": channel.owner.team if channel.owner else None,
        "ownership": channel.owner.to_json() if channel.owner else None,
        "domain": channel.domain,
        "domain_provenance": channel.domain_provenance,
        "criticality": channel.criticality,
        "title": channel.title,
        "address_provenance": channel.address_provenance,
        "names": [name_json(name) for name in channel.names],
        "dead_letter": channel.dead_letter,
        "identities": [_identity_json(operation, one) for operation in operations for one in operation.consumers],
        "declared": [
            _fact_json(fact) for fact in (*channel.facts, *(fact for one in operations for fact in one.facts))
        ],
        "producers": [one.to_json() for one in participants if one.action == "send"],
        "consumers": [one.to_json() for one in participants if one.action == "receive"],
        "replies": [
            {
                "service": one.service,
                "document": one.document,
                "operation": one.name,
                "action": "receive" if one.action == "send" else "send",
            }
            for one in answering
        ],
        "overlaps": list(channel.overlaps),
    }


def name_json(name: RuntimeName) -> dict[str, Any]:
    """A runtime name with where it comes from; `expansions` lists the names of a template with listed values."""
    return {
        "kind": name.kind,
        "value": name.value,
        "pattern": name.pattern,
        "provenance": name.provenance,
        "location": str(name.location) if name.location else None,
        "expansions": list(name.expansions),
        "left_out": name.left_out,
    }


def _identity_json(operation: Operation, one: ConsumerIdentity) -> dict[str, Any]:
    return {
        "operation": operation.key,
        "kind": one.kind,
        "value": one.value,
        "provenance": one.provenance,
        "location": str(one.location) if one.location else None,
    }


def _fact_json(fact: BindingFact) -> dict[str, Any]:
    return {
        "key": fact.key,
        "value": list(fact.value) if isinstance(fact.value, tuple) else fact.value,
        "unit": fact.unit,
        "level": fact.level,
        "document": fact.document,
        "operation": fact.operation,
        "location": str(fact.location) if fact.location else None,
    }


def _words(catalog: Catalog, channel: Channel) -> set[str]:
    words = {channel.id, *(name.value for name in channel.names)}
    words |= {operation.channel_key for operation in catalog.operations_on(channel.id)}
    if channel.address:
        words.add(channel.address)
    return words


def _texts(catalog: Catalog, channel: Channel, titles: Mapping[str, str]) -> Iterator[str]:
    yield from _words(catalog, channel)
    yield from (channel.title or "", channel.description, channel.domain or "", channel.dead_letter or "")
    yield from (titles[name] for name in channel.documents)
    if channel.owner:
        yield from (channel.owner.team, channel.owner.contact or "")
    for server in channel.servers:
        yield from (server.name, server.host, server.description, *server.tags)
    for operation in catalog.operations_on(channel.id):
        yield from (operation.name, operation.service, operation.title or "", operation.description)
        yield from (operation.consumer_group or "", operation.domain or "", *(one.value for one in operation.consumers))
        yield operation.owner.team if operation.owner else ""
        for message in operation.messages:
            yield from (message.name, message.title or "")


def tally(catalog: Catalog) -> Mapping[str, int]:
    """How much there is: documents, channels, operations, objectives."""
    return {
        "documents": len(catalog.documents),
        "channels": len(catalog.channels),
        "operations": len(catalog.operations),
        "objectives": sum(len(operation.objectives) for operation in catalog.operations),
    }
