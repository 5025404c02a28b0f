"""Channels that the same messages may pass although they are not one.

An address falls under a pattern (`orders.eu` and `orders.{region}`), two patterns share a name, a queue stands behind
a routing key, or documents reach one address by several protocols. Such channels keep their own ids, because their
numbers differ; whoever asks for consumers, or for what nobody receives, has to look at both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from observatory.errors import Problem
from observatory.spec.catalog import SCOPES, NameKind, RuntimeName
from observatory.spec.languages import Effort, EffortSpentError, have_common_name, literal_start, matches
from observatory.spec.sameness import Group, telling

MAX_COMPARISONS = 500_000
MAX_EFFORT = 3_000_000
"""Pairs of states that all comparisons of two patterns may look at, some seconds of work."""
_NOT_ADDRESSES: frozenset[NameKind] = SCOPES | {"exchange", "subscription"}


def overlapping(groups: Sequence[Group]) -> tuple[dict[str, list[str]], list[Problem]]:
    """For each channel id the others that it overlaps, in order; and what was too much to compare."""
    names = [list(_addresses(group)) for group in groups]
    tied: dict[int, set[int]] = defaultdict(set)
    comparisons, effort = 0, Effort(MAX_EFFORT)
    for one, other, certain, left, right in _candidates(names):
        if other in tied[one]:
            continue
        comparisons += 1
        if comparisons > MAX_COMPARISONS:
            return _by_id(groups, tied), [_unchecked(left)]
        try:
            meet = _can_meet(groups[one], groups[other], left, right) and (certain or _share(left, right, effort))
        except EffortSpentError:
            return _by_id(groups, tied), [_unchecked(left)]
        if meet:
            tied[one].add(other)
            tied[other].add(one)
    return _by_id(groups, tied), []


def _unchecked(name: RuntimeName) -> Problem:
    """What to say where the comparing stopped, at the name it stopped at."""
    message = f"so many addresses are like {name.value!r} that not all pairs were compared"
    return Problem(code="overlaps-unchecked", severity="info", message=message, location=name.location)


def _by_id(groups: Sequence[Group], tied: dict[int, set[int]]) -> dict[str, list[str]]:
    return {groups[one].id: sorted(groups[other].id for other in others) for one, others in tied.items() if others}


def _addresses(group: Group) -> Iterator[RuntimeName]:
    """Names that messages are sent to or read from, one of each pattern."""
    seen: set[tuple[str, str]] = set()
    for one in group.members:
        for name in one.draft.naming.names:
            key = (name.kind, name.pattern or name.value)
            if name.kind not in _NOT_ADDRESSES and key not in seen:
                seen.add(key)
                yield name


Candidate = tuple[int, int, bool, RuntimeName, RuntimeName]
"""Positions of two groups, whether their names are equal for certain, and the two names."""


def _candidates(names: Sequence[Sequence[RuntimeName]]) -> Iterator[Candidate]:
    """Pairs of names that may be alike, found by what they start with."""
    literal: dict[str, list[tuple[int, RuntimeName]]] = defaultdict(list)
    patterns: dict[str, list[tuple[int, RuntimeName]]] = defaultdict(list)
    for position, listed in enumerate(names):
        for name in listed:
            pattern = name.pattern
            if pattern is None:
                yield from ((*pair, True, known, name) for pair, known in _pairs(position, literal[name.value]))
                literal[name.value].append((position, name))
            else:
                patterns[literal_start(pattern)].append((position, name))
    known_starts = set(patterns)
    for text, holders in literal.items() if known_starts else ():
        for start in _starts(text, known_starts):
            for position, name in holders:
                yield from ((*pair, False, known, name) for pair, known in _pairs(position, patterns[start]))
    for text, owners in patterns.items():
        for start in _starts(text, known_starts):
            for place, (position, name) in enumerate(owners):
                others = patterns[start][:place] if start == text else patterns[start]
                yield from ((*pair, False, known, name) for pair, known in _pairs(position, others))


def _pairs(position: int, others: Sequence[tuple[int, RuntimeName]]) -> Iterator[tuple[tuple[int, int], RuntimeName]]:
    return (((other, position), known) for other, known in others if other != position)


def _starts(text: str, known: set[str]) -> Iterator[str]:
    return (text[:length] for length in range(len(text) + 1) if text[:length] in known)


def _share(one: RuntimeName, other: RuntimeName, effort: Effort) -> bool:
    left, right = one.pattern, other.pattern
    if left is not None and right is not None:
        return left == right or have_common_name(left, right, effort)
    pattern, text = (left, other.value) if left is not None else (right or "", one.value)
    return matches(pattern, text, effort)


def _can_meet(one: Group, other: Group, left: RuntimeName, right: RuntimeName) -> bool:
    """Whether messages under two equal names can be the same messages."""
    if one.protocol is not None and other.protocol is not None and one.protocol != other.protocol:
        return _bridged(one, other) or _bridged(other, one)
    if left.kind != right.kind and "destination" not in (left.kind, right.kind):
        return False
    exchanges = [_exchanges(group) for group in (one, other)]
    if left.kind == right.kind == "routing_key" and all(exchanges) and exchanges[0].isdisjoint(exchanges[1]):
        return False
    hosts = [telling(group.hosts) for group in (one, other)]
    return not all(hosts) or not hosts[0].isdisjoint(hosts[1])


def _bridged(one: Group, other: Group) -> bool:
    """Whether a document has its channel on a server of the other protocol as well."""
    return any(other.protocol in member.draft.other_protocols for member in one.members)


def _exchanges(group: Group) -> frozenset[str]:
    return frozenset(name.value for one in group.members for name in one.draft.naming.names if name.kind == "exchange")
