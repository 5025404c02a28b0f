"""Who talks to whom: questions that people ask of a catalogue, and the JSON that answers them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from observatory.spec.catalog import Catalog, Channel, Operation
from observatory.windows import format_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What telemetry shows of one side of a channel; messages count with sampling weights, times in ms."""

    channel_id: str
    action: str
    service: str
    consumer_group: str | None = None
    operation: str | None = None
    messages: float
    first_ms: int
    last_ms: int

    def to_json(self) -> dict[str, Any]:
        """The `observed` entry of a producer or consumer."""
        return {
            "messages": self.messages,
            "first_seen": format_instant(self.first_ms),
            "last_seen": format_instant(self.last_ms),
        }


def find_channels(catalog: Catalog, word: str) -> list[Channel]:
    """Channels that a word names: by id, address, runtime name, or key in a document; `*` stands for anything.

    A real name that falls under the pattern of a parametrised address names that channel too.
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
    return [
        channel
        for channel in catalog.channels
        if any(name.pattern and re.fullmatch(name.pattern, word) for name in channel.names)
    ]


def search(catalog: Catalog, word: str) -> list[Channel]:
    """Channels about which a word is said anywhere: names, titles, descriptions, services, owners, messages, tags."""
    wanted = word.casefold()
    return [
        channel for channel in catalog.channels if any(wanted in text.casefold() for text in _texts(catalog, channel))
    ]


def never_received(catalog: Catalog) -> list[Channel]:
    """Channels that somebody sends on and nobody receives from, as far as the documents say."""
    return [channel for channel in catalog.channels if _sides(catalog, channel) == {"send"}]


def never_sent(catalog: Catalog) -> list[Channel]:
    """Channels that somebody receives from and nobody sends on, as far as the documents say."""
    return [channel for channel in catalog.channels if _sides(catalog, channel) == {"receive"}]


def catalog_json(
    catalog: Catalog, channels: Iterable[Channel] | None = None, observed: Iterable[Observed] = ()
) -> dict[str, Any]:
    """The answer of `catalog --json`.

    Args:
        channels: Those to show; all when None.
        observed: What telemetry shows; an entry that belongs to no declared operation stands beside the declared
            ones with `declared: false`.
    """
    seen: dict[str, list[Observed]] = {}
    for one in observed:
        seen.setdefault(one.channel_id, []).append(one)
    by_channel: dict[str, list[Operation]] = {}
    for operation in catalog.operations:
        by_channel.setdefault(operation.channel_id, []).append(operation)
    shown = catalog.channels if channels is None else tuple(channels)
    return {
        "schema": "observatory.catalog/1",
        "channels": [
            _channel_json(channel, by_channel.get(channel.id, []), seen.get(channel.id, [])) for channel in shown
        ],
        "documents": [
            {
                "name": document.name,
                "path": document.path,
                "asyncapi": document.version,
                "title": document.title,
                "service": document.service,
                "owner": document.owner.team if document.owner else None,
                "domain": document.domain,
            }
            for document in catalog.documents
        ],
        "never_received": [channel.id for channel in never_received(catalog)],
        "never_sent": [channel.id for channel in never_sent(catalog)],
        "problems": [problem.to_json() for problem in catalog.problems],
    }


def _channel_json(channel: Channel, operations: list[Operation], seen: list[Observed]) -> dict[str, Any]:
    return {
        "id": channel.id,
        "address": channel.address,
        "protocol": channel.protocol,
        "servers": [{"name": server.name, "host": server.host} for server in channel.servers],
        "owner": channel.owner.team if channel.owner else None,
        "domain": channel.domain,
        "criticality": channel.criticality,
        "title": channel.title,
        "names": [
            {"kind": name.kind, "value": name.value, "pattern": name.pattern, "provenance": name.provenance}
            for name in channel.names
        ],
        "dead_letter": channel.dead_letter,
        "producers": _side_json("send", operations, seen),
        "consumers": _side_json("receive", operations, seen),
    }


def _side_json(action: str, operations: list[Operation], seen: list[Observed]) -> list[dict[str, Any]]:
    mine = [one for one in seen if one.action == action]
    rows: list[dict[str, Any]] = []
    for operation in operations:
        if operation.action != action:
            continue
        match = next((one for one in mine if _same(one, operation)), None)
        row = _row(operation.service, operation.document, operation.name, declared=True, observed=match)
        rows.append(row | ({"consumer_group": operation.consumer_group} if action == "receive" else {}))
    known = [operation for operation in operations if operation.action == action]
    for one in mine:
        if not any(_same(one, operation) for operation in known):
            row = _row(one.service, None, None, declared=False, observed=one)
            rows.append(row | ({"consumer_group": one.consumer_group} if action == "receive" else {}))
    return rows


def _row(
    service: str, document: str | None, operation: str | None, *, declared: bool, observed: Observed | None
) -> dict[str, Any]:
    return {
        "service": service,
        "document": document,
        "operation": operation,
        "declared": declared,
        "observed": observed.to_json() if observed else None,
    }


def _same(observed: Observed, operation: Operation) -> bool:
    if observed.operation is not None:
        return observed.operation == operation.key
    groups = (observed.consumer_group, operation.consumer_group)
    return observed.service == operation.service and (None in groups or groups[0] == groups[1])


def _sides(catalog: Catalog, channel: Channel) -> set[str]:
    return {operation.action for operation in catalog.operations_on(channel.id)}


def _words(catalog: Catalog, channel: Channel) -> set[str]:
    words = {channel.id, *(name.value for name in channel.names)}
    words |= {operation.channel_key for operation in catalog.operations_on(channel.id)}
    if channel.address:
        words.add(channel.address)
    return words


def _texts(catalog: Catalog, channel: Channel) -> list[str]:
    texts = [*_words(catalog, channel), channel.title or "", channel.description, channel.domain or ""]
    texts += [channel.owner.team if channel.owner else ""]
    for server in channel.servers:
        texts += [server.host, *server.tags]
    for operation in catalog.operations_on(channel.id):
        texts += [operation.name, operation.service, operation.title or "", operation.description]
        texts += [operation.consumer_group or ""]
        texts += [text for message in operation.messages for text in (message.name, message.title or "")]
    return texts


def tally(catalog: Catalog) -> Mapping[str, int]:
    """How much there is: documents, channels, operations, objectives."""
    return {
        "documents": len(catalog.documents),
        "channels": len(catalog.channels),
        "operations": len(catalog.operations),
        "objectives": sum(len(operation.objectives) for operation in catalog.operations),
    }
