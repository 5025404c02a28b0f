"""Whether two address patterns have a name in common: `orders.*.eu` and `orders.new.*` do, `a.*` and `b.*` do not.

Patterns are those that `templates` writes: text, `[^.]+` and the like, `.*`, choices, and optional groups. Each becomes
a small automaton, and two of them are walked side by side until both can end. Exact, and at most as long as the
product of the two patterns, which an `Effort` bounds for many comparisons together.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct, field

from observatory.spec.levels import may_share

MAX_STATES = 4000
MAX_REPEATS = 4
"""Repetitions up to which Python's own matching, which goes back and tries again, is sure to end soon."""
_CHOICE_AT_TOP = re.compile(r"(?<!\\)(?:\\\\)*\|")
_IN_GROUPS = re.compile(r"\((?:[^()\\]|\\.)*\)")
_SPECIAL = frozenset(".[]()*+?|\\^${}")


class _Letters(Struct, frozen=True):
    """One letter of a set, or of everything outside it."""

    letters: frozenset[str]
    outside: bool = False

    def meets(self, other: _Letters) -> bool:
        if self.outside and other.outside:
            return True
        if self.outside or other.outside:
            inner, outer = (other, self) if self.outside else (self, other)
            return not inner.letters <= outer.letters
        return not self.letters.isdisjoint(other.letters)


class _Automaton(Struct):
    """States by number, 0 first; `steps` read a letter, `jumps` read nothing."""

    steps: list[list[tuple[_Letters, int]]] = field(default_factory=list)
    jumps: list[list[int]] = field(default_factory=list)
    end: int = 0

    def state(self) -> int:
        if len(self.steps) >= MAX_STATES:
            raise _UnreadableError
        self.steps.append([])
        self.jumps.append([])
        return len(self.steps) - 1


class _UnreadableError(Exception):
    """A pattern in words that this reader does not know."""


class EffortSpentError(Exception):
    """The comparisons took more than they may."""


class Effort(Struct):
    """How many pairs of states comparisons may still look at, about a million in one to two seconds."""

    left: int

    def spend(self) -> None:
        """Note one pair of states.

        Raises:
            EffortSpentError: There was no more left.
        """
        self.left -= 1
        if self.left < 0:
            raise EffortSpentError


def have_common_name(one: str, other: str, effort: Effort | None = None) -> bool:
    """Whether some text is matched by both patterns, anchored. A pattern that cannot be read shares with none.

    Raises:
        EffortSpentError: No more of the effort is left; the answer is not known.
    """
    if not may_share(one, other):
        return False
    first, second = _automaton(one), _automaton(other)
    if first is None or second is None:
        return False
    seen = {(0, 0)}
    pending = [(0, 0)]
    while pending:
        left, right = pending.pop()
        if left == first.end and right == second.end:
            return True
        if effort is not None:
            effort.spend()
        following = [(jump, right) for jump in first.jumps[left]] + [(left, jump) for jump in second.jumps[right]]
        following += [
            (after, beyond)
            for letters, after in first.steps[left]
            for others, beyond in second.steps[right]
            if letters.meets(others)
        ]
        for pair in following:
            if pair not in seen:
                seen.add(pair)
                pending.append(pair)
    return False


def matches(pattern: str, name: str, effort: Effort | None = None) -> bool:
    """Whether a pattern takes a name, anchored; in time that no pattern can blow up.

    Raises:
        EffortSpentError: As for `have_common_name`.
    """
    if pattern.count("+") + pattern.count("*") <= MAX_REPEATS:
        return re.fullmatch(pattern, name) is not None
    return have_common_name(pattern, re.escape(name), effort)


@lru_cache(maxsize=4096)
def literal_start(pattern: str) -> str:
    """The text that every name of a pattern starts with."""
    if _CHOICE_AT_TOP.search(_IN_GROUPS.sub("", pattern)):
        return ""
    letters: list[str] = []
    place = 0
    while place < len(pattern):
        letter = pattern[place]
        if letter == "\\" and place + 1 < len(pattern):
            letter, place = pattern[place + 1], place + 1
        elif letter in _SPECIAL:
            break
        if pattern[place + 1 : place + 2] in ("*", "?"):
            break
        letters.append(letter)
        place += 1
    return "".join(letters)


@lru_cache(maxsize=4096)
def _automaton(pattern: str) -> _Automaton | None:
    automaton = _Automaton()
    try:
        start = automaton.state()
        end, place = _choices(automaton, pattern, 0, start)
        if place != len(pattern):
            return None
    except (_UnreadableError, RecursionError):
        return None
    automaton.end = end
    return automaton


def _choices(automaton: _Automaton, pattern: str, place: int, start: int) -> tuple[int, int]:
    """Read alternatives from a place on; the state in which they end, and the place after them."""
    end = automaton.state()
    while True:
        last, place = _sequence(automaton, pattern, place, start)
        automaton.jumps[last].append(end)
        if pattern[place : place + 1] != "|":
            return end, place
        place += 1


def _sequence(automaton: _Automaton, pattern: str, place: int, start: int) -> tuple[int, int]:
    current = start
    while place < len(pattern) and pattern[place] not in "|)":
        first = automaton.state()
        automaton.jumps[current].append(first)
        last, place = _atom(automaton, pattern, place, first)
        mark = pattern[place : place + 1]
        if mark and mark in "*+?":
            place += 1
            if mark in "*+":
                automaton.jumps[last].append(first)
            if mark in "*?":
                automaton.jumps[first].append(last)
        elif mark == "{":
            raise _UnreadableError
        current = automaton.state()
        automaton.jumps[last].append(current)
    return current, place


def _atom(automaton: _Automaton, pattern: str, place: int, start: int) -> tuple[int, int]:
    letter = pattern[place]
    if letter == "(":
        if not pattern.startswith("(?:", place):
            raise _UnreadableError
        end, place = _choices(automaton, pattern, place + 3, start)
        if pattern[place : place + 1] != ")":
            raise _UnreadableError
        return end, place + 1
    if letter == "[":
        letters, place = _set(pattern, place + 1)
    elif letter == "\\" and place + 1 < len(pattern) and not pattern[place + 1].isalnum():
        letters, place = _Letters(frozenset(pattern[place + 1])), place + 2
    elif letter == ".":
        letters, place = _Letters(frozenset("\n"), outside=True), place + 1
    elif letter in _SPECIAL:
        raise _UnreadableError
    else:
        letters, place = _Letters(frozenset(letter)), place + 1
    end = automaton.state()
    automaton.steps[start].append((letters, end))
    return end, place


def _set(pattern: str, place: int) -> tuple[_Letters, int]:
    close = pattern.find("]", place)
    outside = pattern[place : place + 1] == "^"
    letters = pattern[place + outside : close]
    if close < 0 or not letters or any(letter in "\\-[" for letter in letters):
        raise _UnreadableError
    return _Letters(frozenset(letters), outside), close + 1
