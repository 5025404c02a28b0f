"""Languages of regular expressions: whether all texts that match some match another as well, with a text that does not.

Expressions are those of ECMA 262 as JSON Schema uses them: found anywhere unless anchored. What is not regular
(look-around, references back, word boundaries, flags) is not decided. A set of automata is walked side by side, one
character class at a time, breadth first, so the text that is found is a shortest one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct, field

from observatory.spec.changes.json_schema.cleaning import NotDecidable
from observatory.spec.changes.json_schema.effort import Effort

Range = tuple[int, int]
Ranges = tuple[Range, ...]
MAX_STATES = 2_000
MAX_WALK = 60_000
MAX_EXAMPLE = 20_000
MAX_PATTERN = 2_000
LAST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
_DIGIT: Ranges = ((0x30, 0x39),)
_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: Ranges = ((9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
                  (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF))  # fmt: skip
_LINE_ENDS: Ranges = ((10, 10), (13, 13), (0x2028, 0x2029))
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}
_FRIENDLY = [ord(char) for char in "aA0b1 -_.@"]


def beyond(patterns: Sequence[str], least: int, most: float, wanted: str, effort: Effort | None = None) -> str | None:
    """A shortest text within lengths that matches all patterns and not the wanted one; None when there is none.

    Raises:
        NotDecidable: An expression is not regular, or too large.
    """
    return _walk([_compiled(one) for one in patterns], least, most, _compiled(wanted), effort or Effort())


@lru_cache(maxsize=2048)
def example(patterns: tuple[str, ...], least: int, most: float) -> str | None:
    """A shortest text within lengths that matches all patterns; None when none is found."""
    try:
        return shortest(patterns, least, most, Effort(MAX_EXAMPLE))
    except NotDecidable:
        return None


def shortest(patterns: Sequence[str], least: int, most: float, effort: Effort | None = None) -> str | None:
    """A shortest text within lengths that matches all patterns; None when there is none.

    Raises:
        NotDecidable: An expression is not regular, or too large.
    """
    return _walk([_compiled(one) for one in patterns], least, most, None, effort or Effort())


class Automaton(Struct):
    """A nondeterministic automaton. State 0 is the start, state 1 the end; both may be stayed in with any character.

    Attributes:
        edges: By state, the states that a character of some ranges leads to.
        free: By state, the states that are reached without a character, with the condition `^`, `$` or none.
    """

    edges: list[list[tuple[Ranges, int]]] = field(default_factory=list)
    free: list[list[tuple[str, int]]] = field(default_factory=list)
    _closures: dict[tuple[frozenset[int], str], frozenset[int]] = field(default_factory=dict)
    _moves: dict[tuple[frozenset[int], int], frozenset[int]] = field(default_factory=dict)

    def state(self) -> int:
        """A new state."""
        if len(self.edges) >= MAX_STATES:
            raise NotDecidable("pattern", "the expression is too large")
        self.edges.append([])
        self.free.append([])
        return len(self.edges) - 1

    def closure(self, states: frozenset[int], conditions: str) -> frozenset[int]:
        """States reached without a character, under the conditions that hold."""
        key = (states, conditions)
        if key not in self._closures:
            found, pending = set(states), list(states)
            while pending:
                for condition, target in self.free[pending.pop()]:
                    if condition in ("", *conditions) and target not in found:
                        found.add(target)
                        pending.append(target)
            self._closures[key] = frozenset(found)
        return self._closures[key]

    def start(self) -> frozenset[int]:
        """The states before the first character."""
        return self.closure(frozenset({0}), "^")

    def move(self, states: frozenset[int], char: int) -> frozenset[int]:
        """The states after one more character."""
        key = (states, char)
        if key not in self._moves:
            reached = {
                target
                for state in states
                for ranges, target in self.edges[state]
                if any(low <= char <= high for low, high in ranges)
            }
            self._moves[key] = self.closure(frozenset(reached), "")
        return self._moves[key]

    def accepts(self, states: frozenset[int], *, first: bool) -> bool:
        """Whether a text that ends here matches."""
        return 1 in self.closure(states, "^$" if first else "$")


def _walk(automata: list[Automaton], least: int, most: float, refused: Automaton | None, effort: Effort) -> str | None:
    everything = [*automata, *([refused] if refused else [])]
    chars = _alphabet(everything)
    start = (0, tuple(one.start() for one in everything))
    came: dict[object, tuple[object, int]] = {start: (None, 0)}
    pending = deque([start])
    steps = 0
    while pending:
        here = pending.popleft()
        length, states = here
        first = length == 0
        matched = all(one.accepts(at, first=first) for one, at in zip(automata, states, strict=False))
        if length >= least and matched and (refused is None or not refused.accepts(states[-1], first=first)):
            return _read_back(came, here)
        if length >= most:
            continue
        # A set of many states costs as much as many small ones.
        cost = len(chars) * (1 + sum(map(len, states)) // 16)
        steps += cost
        if steps > MAX_WALK:
            raise NotDecidable("pattern", "the expressions are too large to compare")
        effort.spend(cost)
        for char in chars:
            # Beyond the least length the number of characters matters only where there is a greatest one.
            longer = length + 1 if most != float("inf") or length < least or first else length
            there = (longer, tuple(one.move(at, char) for one, at in zip(everything, states, strict=True)))
            if there not in came:
                came[there] = (here, char)
                pending.append(there)
    return None


def _read_back(came: dict[object, tuple[object, int]], here: object) -> str:
    text: list[str] = []
    while True:
        before, char = came[here]
        if before is None:
            return "".join(reversed(text))
        text.append(chr(char))
        here = before


def _alphabet(automata: Sequence[Automaton]) -> list[int]:
    """One character for each class of characters that no automaton tells apart."""
    starts = {0, _SURROGATES[0], _SURROGATES[1] + 1}
    for automaton in automata:
        for edges in automaton.edges:
            for ranges, _ in edges:
                for low, high in ranges:
                    starts |= {low, high + 1}
    ordered = sorted(one for one in starts if one <= LAST)
    chosen: list[int] = []
    for low, after in zip(ordered, [*ordered[1:], LAST + 1], strict=True):
        if low == _SURROGATES[0]:
            continue
        options = [char for char in _FRIENDLY if low <= char < after]
        options += [char for char in range(low, min(after, low + 64)) if chr(char).isprintable()]
        chosen.append(options[0] if options else low)
    return sorted(chosen, key=lambda char: (_FRIENDLY.index(char) if char in _FRIENDLY else len(_FRIENDLY), char))


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Automaton:
    if len(pattern) > MAX_PATTERN:
        raise NotDecidable("pattern", "the expression is too long")
    automaton = Automaton()
    start, end = automaton.state(), automaton.state()
    anything: Ranges = ((0, LAST),)
    automaton.edges[start].append((anything, start))
    automaton.edges[end].append((anything, end))
    parser = _Parser(pattern, automaton)
    try:
        parser.alternatives(start, end)
    except RecursionError:
        raise NotDecidable("pattern", "the expression nests too deep") from None
    if parser.place != len(pattern):
        raise NotDecidable("pattern", f"the expression cannot be read from {pattern[parser.place :]!r} on")
    return automaton


class _Parser(Struct):
    """Reads an expression into an automaton, between two given states."""

    pattern: str
    automaton: Automaton
    place: int = 0

    def peek(self) -> str:
        return self.pattern[self.place : self.place + 1]

    def take(self) -> str:
        char = self.peek()
        if not char:
            raise NotDecidable("pattern", "the expression ends too early")
        self.place += 1
        return char

    def alternatives(self, start: int, end: int) -> None:
        while True:
            self.sequence(start, end)
            if self.peek() != "|":
                return
            self.place += 1

    def sequence(self, start: int, end: int) -> None:
        here = start
        while self.peek() not in ("", "|", ")"):
            here = self.repeated(here)
        self.automaton.free[here].append(("", end))

    def repeated(self, start: int) -> int:
        """An atom with its repetition, or an anchor."""
        if (anchor := self.peek()) in "^$":
            self.place += 1
            after = self.automaton.state()
            self.automaton.free[start].append((anchor, after))
            if self.peek() in ("*", "+", "?", "{"):
                raise NotDecidable("pattern", "an anchor is repeated")
            return after
        begin = self.place
        copies = [self._copy(start)]
        least, most = self.quantifier()
        resume = self.place
        while len(copies) < (max(least, 1) if most is None else most):
            self.place = begin
            copies.append(self._copy(copies[-1][1]))
        self.place = resume
        if most is None:
            self.automaton.free[copies[-1][1]].append(("", copies[-1][0]))
        done = self.automaton.state()
        if least == 0:
            self.automaton.free[start].append(("", done))
        for count, (_, after) in enumerate(copies, 1):
            if count >= least and most != 0:
                self.automaton.free[after].append(("", done))
        return done

    def _copy(self, start: int) -> tuple[int, int]:
        fresh = self.automaton.state()
        self.automaton.free[start].append(("", fresh))
        return fresh, self.atom(fresh)

    def quantifier(self) -> tuple[int, int | None]:
        char = self.peek()
        found: tuple[int, int | None] = (1, 1)
        if char in ("*", "+", "?"):
            self.place += 1
            found = {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        elif char == "{":
            body, brace, _ = self.pattern[self.place + 1 :].partition("}")
            least, comma, most = body.partition(",")
            if not brace or not least.isdecimal() or (most and not most.isdecimal()):
                raise NotDecidable("pattern", "a brace is no repetition")
            self.place += len(body) + 2
            found = (int(least), (int(most) if most else None) if comma else int(least))
            if max(found[0], found[1] or 0) > MAX_STATES or (found[1] is not None and found[1] < found[0]):
                raise NotDecidable("pattern", "the expression repeats something too often")
        if found != (1, 1) and self.peek() == "?":
            self.place += 1  # lazy or greedy is the same language
        if found != (1, 1) and self.peek() in ("*", "+", "{"):
            raise NotDecidable("pattern", "a repetition is repeated")
        return found

    def atom(self, start: int) -> int:
        char = self.take()
        if char == "(":
            return self.group(start)
        if char in "*+?){":
            raise NotDecidable("pattern", f"{char!r} stands where it repeats nothing")
        if char == "[":
            ranges = self.char_class()
        elif char == ".":
            ranges = complement(_LINE_ENDS)
        elif char == "\\":
            ranges = self.escaped(in_class=False)
        else:
            ranges = ((ord(char), ord(char)),)
        after = self.automaton.state()
        self.automaton.edges[start].append((ranges, after))
        return after

    def group(self, start: int) -> int:
        if self.peek() == "?":
            self.place += 1
            if self.take() != ":":
                raise NotDecidable("pattern", "look-around, named groups and flags are not decided")
        inner, after = self.automaton.state(), self.automaton.state()
        self.automaton.free[start].append(("", inner))
        self.alternatives(inner, after)
        if self.take() != ")":
            raise NotDecidable("pattern", "a group is not closed")
        return after

    def char_class(self) -> Ranges:
        negated = self.peek() == "^"
        if negated:
            self.place += 1
        found: list[Range] = []
        while self.peek() != "]":
            low = self.class_member()
            if self.peek() == "-" and self.pattern[self.place + 1 : self.place + 2] not in ("]", ""):
                self.place += 1
                high = self.class_member()
                if len(low) != 1 or len(high) != 1 or low[0][0] != low[0][1] or high[0][0] < low[0][0]:
                    raise NotDecidable("pattern", "a range of characters cannot be read")
                low = ((low[0][0], high[0][1]),)
            found += low
        self.place += 1
        return complement(tuple(found)) if negated else tuple(found)

    def class_member(self) -> Ranges:
        char = self.take()
        if char == "[" or (char == "&" and self.peek() == "&"):
            raise NotDecidable("pattern", "classes inside classes are not decided")
        return self.escaped(in_class=True) if char == "\\" else ((ord(char), ord(char)),)

    def escaped(self, *, in_class: bool) -> Ranges:
        char = self.take()
        if char.lower() in _CLASSES:
            ranges = _CLASSES[char.lower()]
            return complement(ranges) if char.isupper() else ranges
        if char in _CONTROLS:
            code = _CONTROLS[char]
        elif char in "xu":
            digits = self.pattern[self.place : self.place + (2 if char == "x" else 4)]
            self.place += len(digits)
            try:
                code = int(digits, 16)
            except ValueError:
                raise NotDecidable("pattern", "an escape cannot be read") from None
        elif char == "b" and in_class:
            code = 8
        elif char.isalnum():
            raise NotDecidable("pattern", f"\\{char} is not decided")
        else:
            code = ord(char)
        return ((code, code),)


def complement(ranges: Ranges) -> Ranges:
    """All other characters."""
    found: list[Range] = []
    begin = 0
    for low, high in sorted(ranges):
        if low > begin:
            found.append((begin, low - 1))
        begin = max(begin, high + 1)
    if begin <= LAST:
        found.append((begin, LAST))
    return tuple(found)
