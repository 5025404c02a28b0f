"""Addresses with parameters: `sensors.{site}.temperature` and the regular expression that real names match.

Expressions are RE2 syntax, written so that both RE2 and Python's `re` read them alike; they are meant to be anchored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from observatory.location import Location
from observatory.spec.catalog import NameKind, RuntimeName

PARAMETER = re.compile(r"\{([^{}]*)\}")
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")
_SEGMENT: dict[str, str] = {
    "mqtt": "[^/]+",
    "ws": "[^/]+",
    "solace": "[^/]+",
    "anypointmq": "[^/]+",
    "nats": "[^.]+",
    "amqp": "[^.]+",
}
_ANY_SEGMENT = "[^./]+"
MAX_EXPANSION = 1000


def escape(text: str) -> str:
    """Text as a regular expression that matches exactly it, in RE2 as well as in Python."""
    return _SPECIAL.sub(r"\\\1", text)


def parameters_in(address: str) -> list[str]:
    """Names of the parameters of an address, in order, without repeats."""
    return list(dict.fromkeys(PARAMETER.findall(address)))


def pattern_of(address: str, protocol: str | None, enums: Mapping[str, Sequence[str]]) -> str | None:
    """The expression that names built from an address match; None for an address that is one exact name.

    A parameter stands for one segment, or for one of its values where they are listed. Wildcards of MQTT (`+`, `#`)
    and NATS (`*`, `>`) stand for what the broker lets them match.
    """
    segment = _SEGMENT.get(protocol or "", _ANY_SEGMENT)
    parts: list[str] = []
    open_ended = False
    end = 0
    for match in PARAMETER.finditer(address):
        literal, wild = _literal(address[end : match.start()], protocol)
        values = enums.get(match[1], ())
        if 0 < len(values) <= MAX_EXPANSION:
            parts += [
                literal,
                f"(?:{'|'.join(escape(value) for value in values)})" if len(values) > 1 else escape(values[0]),
            ]
        else:
            parts += [literal, segment]
        open_ended = open_ended or wild or len(values) != 1
        end = match.end()
    literal, wild = _literal(address[end:], protocol)
    return "".join([*parts, literal]) if open_ended or wild else None


def runtime_name(
    kind: NameKind,
    address: str,
    provenance: str,
    *,
    protocol: str | None,
    enums: Mapping[str, Sequence[str]] | None = None,
    location: Location | None = None,
) -> RuntimeName:
    """A runtime name from an address; parameters of a single value are filled in."""
    values = enums or {}
    filled = PARAMETER.sub(
        lambda match: values[match[1]][0] if len(values.get(match[1], ())) == 1 else match[0], address
    )
    return RuntimeName(
        kind=kind,
        value=filled,
        pattern=pattern_of(address, protocol, values),
        provenance=provenance,
        location=location,
    )


def _literal(text: str, protocol: str | None) -> tuple[str, bool]:
    """Text between parameters as an expression, and whether it holds a wildcard of the protocol."""
    if protocol == "mqtt" and ("+" in text or "#" in text):
        levels = ["[^/]+" if level == "+" else ".*" if level == "#" else escape(level) for level in text.split("/")]
        joined = "/".join(levels)
        if joined.endswith("/.*"):
            joined = joined.removesuffix("/.*") + "(?:/.*)?"  # `a/#` takes `a` as well
        return joined, any(level in ("+", "#") for level in text.split("/"))
    if protocol == "nats" and ("*" in text or ">" in text):
        words = ["[^.]+" if word == "*" else ".+" if word == ">" else escape(word) for word in text.split(".")]
        return r"\.".join(words), any(word in ("*", ">") for word in text.split("."))
    return escape(text), False
