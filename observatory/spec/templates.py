"""Addresses with parameters: `sensors.{site}.temperature`, the regular expression that real names match, and the
names themselves where the values of all parameters are listed.

Expressions are RE2 syntax, written so that both RE2 and Python's `re` read them alike; they are meant to be anchored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from observatory.location import Location
from observatory.spec.catalog import NameKind, RuntimeName
from observatory.spec.expansion import MAX_EXPANSION, PARAMETER, Enums, expansions, filled
from observatory.spec.wildcards import SEPARATORS, SINGLE_LEVEL, Level, escape, joined

_SEGMENT: dict[str, str] = {
    "mqtt": "[^/]+",
    "ws": "[^/]+",
    "http": "[^/]+",
    "mercure": "[^/]+",
    "solace": "[^/]+",
    "anypointmq": "[^/]+",
    "pulsar": "[^/]+",
    "googlepubsub": "[^/]+",
    "nats": "[^.]+",
    "amqp": "[^.]+",
}
_ANY_SEGMENT = "[^./]+"
_WILD_KINDS: frozenset[NameKind] = frozenset({"topic", "subject", "routing_key", "subscription"})
MAX_PATTERN = 60_000
"""Characters that the listed values of all parameters of an address may take in its expression."""


def pattern_of(address: str, protocol: str | None, enums: Enums, *, wildcards: bool = True) -> str | None:
    """The expression that names built from an address match; None for an address that is one exact name.

    A parameter stands for one segment, or for one of its values where they are listed. Wildcards of the protocol stand
    for what the broker lets them match, unless `wildcards` says that they mean nothing here, as in the name of a queue.
    """
    return _read(address, protocol, enums, wildcards)[0]


def _read(address: str, protocol: str | None, enums: Enums, wildcards: bool) -> tuple[str | None, bool]:
    """The expression of an address, and whether wildcards of the protocol are in it."""
    separator = SEPARATORS.get(protocol or "") if wildcards else None
    if separator is None:
        expression, wild = _expression(address, protocol, enums), False
    else:
        levels = [_level(text, protocol or "", enums) for text in _split(address, separator)]
        expression, wild = joined(levels, protocol or "")
    written = PARAMETER.findall(address)
    if len(written) != len(set(written)) and not wild:
        names, total = expansions(address, enums)
        if 1 < total == len(names) and sum(map(len, names)) <= MAX_PATTERN:
            # A parameter that stands twice has the same value both times, which expressions cannot say in RE2.
            return "|".join(escape(name) for name in names), False
    open_ended = any(len(enums.get(name, ())) != 1 for name in written)
    return (expression if open_ended or wild else None), wild


def runtime_name(
    kind: NameKind,
    address: str,
    provenance: str,
    *,
    protocol: str | None,
    enums: Enums | None = None,
    location: Location | None = None,
    wildcards: bool = True,
) -> RuntimeName:
    """A runtime name from an address; parameters of a single value are filled in.

    Where the values of all parameters are listed, so are the names that follow, up to `MAX_EXPANSION` of them.
    """
    values = enums or {}
    wildcards = wildcards and kind in _WILD_KINDS
    if "{" not in address and not (wildcards and protocol in SEPARATORS):
        return RuntimeName(kind=kind, value=address, provenance=provenance, location=location)
    pattern, wild = _read(address, protocol, values, wildcards)
    written = PARAMETER.findall(address)
    listed = pattern is not None and not wild and all(values.get(name) for name in written)
    return RuntimeName(
        kind=kind,
        value=filled(address, {name: values[name][0] for name in written if len(values.get(name, ())) == 1}),
        pattern=pattern,
        provenance=provenance,
        location=location,
        template=address if listed else None,
        choices={name: tuple(values[name]) for name in written} if listed else {},
    )


def subscription_of(address: str, protocol: str) -> str:
    """The subscription that takes every name of a template: each level with a parameter becomes the wildcard."""
    separator, wildcard = SEPARATORS[protocol], SINGLE_LEVEL[protocol]
    levels = _split(address, separator)
    return separator.join(wildcard if PARAMETER.search(level) else level for level in levels)


def _split(address: str, separator: str) -> list[str]:
    """Levels of an address; a separator between the braces of a parameter is part of its name."""
    levels, start = [], 0
    for match in re.finditer(rf"{PARAMETER.pattern}|{re.escape(separator)}", address):
        if match[0] == separator:
            levels.append(address[start : match.start()])
            start = match.end()
    return [*levels, address[start:]]


def _level(text: str, protocol: str, enums: Enums) -> Level:
    cut = protocol == "solace" and len(text) > 1 and text.endswith("*")
    return Level(text, _expression(text, protocol, enums), _expression(text[:-1], protocol, enums) if cut else None)


def _expression(text: str, protocol: str | None, enums: Enums) -> str:
    return "".join(_parts(text, _SEGMENT.get(protocol or "", _ANY_SEGMENT), enums))


def _parts(text: str, segment: str, enums: Enums) -> Iterator[str]:
    end, room = 0, MAX_PATTERN
    for match in PARAMETER.finditer(text):
        yield escape(text[end : match.start()])
        values = enums.get(match[1], ())
        if len(values) == 1:
            yield escape(values[0])
        elif 0 < len(values) <= MAX_EXPANSION and (size := sum(map(len, values))) <= room:
            room -= size
            yield f"(?:{'|'.join(escape(value) for value in values)})"
        else:
            yield segment
        end = match.end()
    yield escape(text[end:])
