"""Which channels of which documents are one: the same protocol, the same runtime address, brokers that can be the same.

Brokers are the same when documents share a host, directly or by way of others, so the servers of an environment that
one document lists beside production tie the documents of both. What says nothing about the broker joins where there
is no choice: a document without servers, and one that names only the machine it runs on. So does a document that
names no protocol. Addresses whose parameters merely have other names are the same; an address and a pattern that it
falls under are two channels, which `overlaps` ties together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from observatory.spec.catalog import RuntimeName
from observatory.spec.drafts import ChannelDraft

_SEGMENT = re.compile(r"\(\?:\[\^\$/\]\[\^/\]\*\)\?|\[\^[./]+\][+*]")
_CHOICE = re.compile(r"\(\?:((?:[^()\\]|\\.)*)\)(?!\?)")
_LOOPBACK = re.compile(r"(?i)(localhost|127(\.\d{1,3}){3}|\[?::1\]?|0\.0\.0\.0|host\.docker\.internal)(:\d+)?")


class Member(Struct, frozen=True, eq=False):
    """A channel of one document: the document's final name, and the channel's position there."""

    document: str
    position: int
    draft: ChannelDraft


class Group(Struct, frozen=True, eq=False):
    """Members that are one channel.

    Attributes:
        members: Those that know the protocol first, then by document.
        hosts: The brokers they are on, empty where nobody says.
    """

    id: str
    address: str | None
    protocol: str | None
    hosts: frozenset[str]
    members: tuple[Member, ...]


def grouped(members: Sequence[Member]) -> list[Group]:
    """Every member in exactly one group, each group with an id of its own; the order of the members does not matter."""
    members = _sorted(members)
    found: list[Group] = []
    by_shape: dict[str, list[Member]] = defaultdict(list)
    for one in members:
        if one.draft.naming.address is None:
            found.append(Group(f"{one.document}#{one.draft.key}", None, one.draft.protocol, one.draft.hosts, (one,)))
        else:
            by_shape[_shape(one.draft)].append(one)
    for same_shape in by_shape.values():
        for protocol, spoken in _by_protocol(same_shape):
            found += _on_brokers(protocol, spoken)
    return _told_apart(found)


def telling(hosts: frozenset[str]) -> frozenset[str]:
    """Hosts that say which broker is meant: not the machine that asks, and not `{tenant}.example.com`."""
    return frozenset(host for host in hosts if "{" not in host and not _LOOPBACK.fullmatch(host))


def _sorted(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda one: (one.document, one.draft.key, one.position))


def _shape(draft: ChannelDraft) -> str:
    """The address without the names of its parameters, and with listed values in order."""
    address = draft.naming.address or ""
    name = next((one for one in draft.naming.names if one.value == address), None)
    return "=" + address if name is None or name.pattern is None else "~" + shape_of(name)


def shape_of(name: RuntimeName) -> str:
    """What a name matches, written alike for all that match the same; segments of any protocol look alike."""
    if name.pattern is None:
        return name.value
    text = _SEGMENT.sub("\0", name.pattern)
    return _CHOICE.sub(lambda match: "(" + "|".join(sorted(re.split(r"(?<!\\)\|", match[1]))) + ")", text)


def _by_protocol(members: Sequence[Member]) -> Iterator[tuple[str | None, list[Member]]]:
    """Members by protocol; those that know none join where only one protocol has the address."""
    spoken: dict[str | None, list[Member]] = defaultdict(list)
    for one in members:
        spoken[one.draft.protocol].append(one)
    silent = spoken.pop(None, [])
    if silent and len(spoken) == 1:
        ((protocol, speaking),) = spoken.items()
        yield protocol, [*speaking, *silent]
        return
    if silent:
        yield None, silent
    yield from spoken.items()


def _on_brokers(protocol: str | None, members: Sequence[Member]) -> Iterator[Group]:
    address = min((one.draft.naming.address or "" for one in members), key=lambda text: ("{" not in text, text))
    brokers = _by_broker(members)
    for hosts, on_broker in brokers:
        exchanges = _by_exchange(on_broker)
        for exchange, same in exchanges:
            parts = [min(hosts, default="")] if len(brokers) > 1 else []
            parts += [exchange] if len(exchanges) > 1 else []
            suffix = "@" + "/".join(part or "unknown" for part in parts) if parts else ""
            yield Group(f"{protocol or 'unknown'}:{address}{suffix}", address, protocol, hosts, tuple(same))


def _by_broker(members: Sequence[Member]) -> list[tuple[frozenset[str], list[Member]]]:
    """Members whose brokers can be the same. Hosts that tell nothing are weighed only where there are no others."""
    told = {id(one): telling(one.draft.hosts) for one in members}
    clusters = _clusters([one for one in members if told[id(one)]], told)
    local = {id(one): one.draft.hosts for one in members if not told[id(one)]}
    vague = _clusters([one for one in members if local.get(id(one))], local)
    homeless = [one for one in members if id(one) in local and not local[id(one)]]
    if len(clusters) == 1 and len(vague) == 1:
        clusters = [(clusters[0][0], [*clusters[0][1], *vague[0][1]])]
    else:
        clusters += vague
    if homeless and len(clusters) == 1:
        clusters = [(clusters[0][0], [*clusters[0][1], *homeless])]
    elif homeless:
        clusters.append((frozenset(), homeless))
    ordered = sorted(clusters, key=lambda cluster: min(cluster[0], default=""))
    return [(hosts, sorted(same, key=_rank)) for hosts, same in ordered]


def _clusters(
    members: Sequence[Member], hosts: Mapping[int, frozenset[str]]
) -> list[tuple[frozenset[str], list[Member]]]:
    """Members that share a host, directly or by way of others."""
    leader: dict[str, str] = {}

    def lead(host: str) -> str:
        while leader.setdefault(host, host) != host:
            leader[host] = leader[leader[host]]
            host = leader[host]
        return host

    for one in members:
        first, *others = sorted(hosts[id(one)])
        for other in others:
            leader[lead(other)] = lead(first)
    found: dict[str, tuple[set[str], list[Member]]] = {}
    for one in members:
        known, same = found.setdefault(lead(min(hosts[id(one)])), (set(), []))
        known |= hosts[id(one)]
        same.append(one)
    return [(frozenset(known), same) for known, same in found.values()]


def _rank(one: Member) -> tuple[bool, str, str, int]:
    return one.draft.protocol is None, one.document, one.draft.key, one.position


def _by_exchange(members: Sequence[Member]) -> list[tuple[str, list[Member]]]:
    """The same routing key on two exchanges is two channels; a document that names no exchange joins the only one."""
    parts: dict[str, list[Member]] = defaultdict(list)
    for one in members:
        names = one.draft.naming.names
        keyed = bool(names) and names[0].kind in ("exchange", "routing_key")
        parts[next((name.value for name in names if keyed and name.kind == "exchange"), "")].append(one)
    if len(parts) == 2 and "" in parts:
        return [(max(parts), sorted(members, key=_rank))]
    return sorted(parts.items())


def _told_apart(groups: Sequence[Group]) -> list[Group]:
    """Groups in the order of their ids, which are made unique where documents make them alike."""
    taken: set[str] = set()
    found: list[Group] = []
    for group in sorted(groups, key=lambda one: (one.id, _rank(one.members[0]))):
        unique, number = group.id, 2
        while unique in taken:
            unique, number = f"{group.id}~{number}", number + 1
        taken.add(unique)
        found.append(group if unique == group.id else Group(unique, *_parts(group)))
    return sorted(found, key=lambda one: one.id)


def _parts(group: Group) -> tuple[str | None, str | None, frozenset[str], tuple[Member, ...]]:
    return group.address, group.protocol, group.hosts, group.members
