"""Levels of address patterns: what tells most pairs apart before anybody walks through them letter by letter.

Where nothing in a pattern but its own text can hold a separator, every name of it has as many levels as it has, and
levels that are plain text stand in every name. Patterns that differ there have no name in common.
"""

from __future__ import annotations

import re
from functools import lru_cache

from observatory.spec.wildcards import SEPARATORS

_PART = re.compile(
    r"\\(?P<escaped>\W)|(?P<plain>[^\\.+*?()|\[\]{}^$])|\[\^(?P<hole>[^\]\\]+)\]|\(\?:(?P<choice>[^()\[\]*+?]+)\)"
)
_MARKS = frozenset("*+?{")
_SEPARATORS = sorted(set(SEPARATORS.values()))


def may_share(one: str, other: str) -> bool:
    """Whether two patterns can have a name in common, as far as their levels tell; False is certain."""
    for separator in _SEPARATORS:
        left, right = levels_of(one, separator), levels_of(other, separator)
        if left is None or right is None:
            continue
        if len(left) != len(right):
            return False
        if any(a is not None and b is not None and a != b for a, b in zip(left, right, strict=True)):
            return False
    return True


@lru_cache(maxsize=16_384)
def levels_of(pattern: str, separator: str) -> tuple[str | None, ...] | None:
    """The levels of every name of a pattern: the text of one, None for one that varies.

    None for a pattern whose names differ in how many they have, or that is not read here.
    """
    levels: list[str | None] = [""]
    place = 0
    while place < len(pattern):
        match = _PART.match(pattern, place)
        if match is None:
            return None
        place = match.end()
        mark = pattern[place : place + 1]
        text = match["escaped"] or match["plain"]
        if text is not None:
            if mark and mark in _MARKS:
                return None
            if text == separator:
                levels.append("")
            elif levels[-1] is not None:
                levels[-1] += text
            continue
        # Letters of a set, or one of several texts, which here must all stay in this level.
        inside = separator not in match["hole"] if match["hole"] else separator in match["choice"]
        if inside or mark in ("?", "{") or (match["choice"] and mark in ("*", "+")):
            return None
        place += mark in ("*", "+")
        levels[-1] = None
    return tuple(levels)
