"""Wildcards in addresses: what brokers let `+`, `#`, `*` and `>` stand for, as regular expressions.

mqtt     `+` one level, which may be empty; `#` at the end: the level above and everything below it.
         A wildcard in front does not take names that start with `$`: those are the broker's own.
nats     `*` one token; `>` at the end: one token or more.
amqp     `*` one word; `#` anywhere: any number of words, none as well. Topic exchanges only.
solace   `*` one level, or the rest of a level that starts before it; `>` at the end: one level or more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from msgspec import Struct

MULTI_LEVEL: dict[str, str] = {"mqtt": "#", "nats": ">", "amqp": "#", "solace": ">"}
SINGLE_LEVEL: dict[str, str] = {"mqtt": "+", "nats": "*", "amqp": "*", "solace": "*"}
SEPARATORS: dict[str, str] = {"mqtt": "/", "nats": ".", "amqp": ".", "solace": "/"}


_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")


class Level(Struct, frozen=True):
    """One level of an address.

    Attributes:
        text: As written, parameters in braces.
        expression: What it matches where it is no wildcard.
        stem: For a level that ends with `*`, the expression of what stands before it.
    """

    text: str
    expression: str
    stem: str | None = None


def escape(text: str) -> str:
    """Text as a regular expression that matches exactly it, in RE2 as well as in Python."""
    return _SPECIAL.sub(r"\\\1", text)


def joined(levels: Sequence[Level], protocol: str) -> tuple[str, bool]:
    """The expression of a whole address, and whether any level is a wildcard."""
    return _JOINERS[protocol](levels)


def glob(text: str) -> str | None:
    """The expression of a pattern as Redis reads it, None for a text without signs of one."""
    if not re.search(r"[*?]", text):
        return None
    return "".join({"*": ".*", "?": "."}.get(sign, escape(sign)) for sign in text)


def _mqtt(levels: Sequence[Level]) -> tuple[str, bool]:
    wild = False
    parts: list[str] = []
    last = len(levels) - 1
    for index, level in enumerate(levels):
        if level.text == "#" and index == last:
            return "/".join(parts) + ("(?:/.*)?" if parts else "[^$].*"), True
        if level.text == "+":
            wild = True
            parts.append("[^/]*" if index else "(?:[^$/][^/]*)?")
        else:
            parts.append(level.expression)
    return "/".join(parts), wild


def _nats(levels: Sequence[Level]) -> tuple[str, bool]:
    return _with_tail(levels, r"\.", "[^.]+")


def _solace(levels: Sequence[Level]) -> tuple[str, bool]:
    return _with_tail(levels, "/", "[^/]+")


def _with_tail(levels: Sequence[Level], separator: str, one: str) -> tuple[str, bool]:
    """`*` for a level, and `>` in the last place for one level or more."""
    wild = False
    parts: list[str] = []
    for index, level in enumerate(levels):
        if level.text == ">" and index == len(levels) - 1:
            parts.append(".+")
        elif level.text == "*":
            parts.append(one)
        elif level.stem is not None:
            parts.append(f"{level.stem}{one.removesuffix('+')}*")
        else:
            parts.append(level.expression)
            continue
        wild = True
    return separator.join(parts), wild


def _amqp(levels: Sequence[Level]) -> tuple[str, bool]:
    kept = [level for index, level in enumerate(levels) if not (level.text == "#" == levels[index - 1].text and index)]
    if [level.text for level in kept] == ["#"]:
        return ".*", True
    out, wild, between = "", False, ""
    for index, level in enumerate(kept):
        if level.text == "#":
            wild = True
            out += r"(?:\.[^.]+)*" if index else r"(?:[^.]+\.)*"
            between = r"\." if index else ""
            continue
        wild = wild or level.text == "*"
        out += between + ("[^.]+" if level.text == "*" else level.expression)
        between = r"\."
    return out, wild


_JOINERS: dict[str, Callable[[Sequence[Level]], tuple[str, bool]]] = {
    "mqtt": _mqtt,
    "nats": _nats,
    "amqp": _amqp,
    "solace": _solace,
}
