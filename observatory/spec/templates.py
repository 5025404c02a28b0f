"""Addresses with parameters: `sensors.{site}.temperature`, the regular expression that real names match, and the
names themselves where the values of all parameters are listed.

Expressions are RE2 syntax, written so that both RE2 and Python's `re` read them alike; they are meant to be anchored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from math import prod

from observatory.location import Location
from observatory.spec.catalog import NameKind, RuntimeName
from observatory.spec.wildcards import SEPARATORS, SINGLE_LEVEL, Level, joined

PARAMETER = re.compile(r"\{([^{}]+)\}")
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")
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
MAX_EXPANSION = 1000
"""Names that are listed of one template, and values of one parameter that its expression spells out."""

Enums = Mapping[str, Sequence[str]]


def escape(text: str) -> str:
    """Text as a regular expression that matches exactly it, in RE2 as well as in Python."""
    return _SPECIAL.sub(r"\\\1", text)


def parameters_in(address: str) -> list[str]:
    """Names of the parameters of an address, in order, without repeats."""
    return list(dict.fromkeys(PARAMETER.findall(address)))


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
        if 1 < total == len(names):
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
    filled = PARAMETER.sub(
        lambda match: values[match[1]][0] if len(values.get(match[1], ())) == 1 else match[0], address
    )
    pattern, wild = _read(address, protocol, values, wildcards)
    names, total = expansions(address, values) if pattern is not None and not wild else ((), 0)
    return RuntimeName(
        kind=kind,
        value=filled,
        pattern=pattern,
        provenance=provenance,
        location=location,
        expansions=names if total > 1 else (),
        left_out=total - len(names),
    )


def expansions(address: str, enums: Enums) -> tuple[tuple[str, ...], int]:
    """Every name that the listed values of the parameters make, and how many there are; none where one is open.

    The names are at most `MAX_EXPANSION`, so that several long lists do not multiply without end; the count is whole.
    """
    names = parameters_in(address)
    if not names or any(not enums.get(name) for name in names):
        return (), 0
    choices = [enums[name] for name in names]
    found: list[str] = []
    for chosen in islice(product(*choices), MAX_EXPANSION):
        values = dict(zip(names, chosen, strict=True))
        found.append(PARAMETER.sub(lambda match, values=values: values[match[1]], address))  # type: ignore[misc]
    return tuple(found), prod(len(values) for values in choices)


def subscription_of(address: str, protocol: str) -> str:
    """The subscription that takes every name of a template: each level with a parameter becomes the wildcard."""
    separator, wildcard = SEPARATORS[protocol], SINGLE_LEVEL[protocol]
    levels = _split(address, separator)
    return separator.join(wildcard if PARAMETER.search(level) else level for level in levels)


def _split(address: str, separator: str) -> list[str]:
    """Levels of an address; a separator between the braces of a parameter is part of its name."""
    levels, start = [], 0
    covered = [match.span() for match in PARAMETER.finditer(address)]
    for match in re.finditer(re.escape(separator), address):
        if not any(begin <= match.start() < end for begin, end in covered):
            levels.append(address[start : match.start()])
            start = match.end()
    return [*levels, address[start:]]


def _level(text: str, protocol: str, enums: Enums) -> Level:
    cut = protocol == "solace" and len(text) > 1 and text.endswith("*")
    return Level(text, _expression(text, protocol, enums), _expression(text[:-1], protocol, enums) if cut else None)


def _expression(text: str, protocol: str | None, enums: Enums) -> str:
    return "".join(_parts(text, _SEGMENT.get(protocol or "", _ANY_SEGMENT), enums))


def _parts(text: str, segment: str, enums: Enums) -> Iterator[str]:
    end = 0
    for match in PARAMETER.finditer(text):
        yield escape(text[end : match.start()])
        values = enums.get(match[1], ())
        if not 0 < len(values) <= MAX_EXPANSION:
            yield segment
        elif len(values) == 1:
            yield escape(values[0])
        else:
            yield f"(?:{'|'.join(escape(value) for value in values)})"
        end = match.end()
    yield escape(text[end:])
