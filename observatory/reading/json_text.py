"""JSON text: values from the standard parser, places from a scan of its own.

The scan runs only after the parser has accepted the text, so strings, brackets and commas are all it must know. It
pairs the brackets of the whole text; the parts of an object or a list are told apart when somebody asks for one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from observatory.errors import InputInvalid
from observatory.location import Location
from observatory.reading.faults import (
    MAX_DEPTH,
    MAX_SCALAR,
    MAX_VALUES,
    duplicate,
    fault,
    place_of_offset,
    too_deep,
    too_long,
    too_many,
)
from observatory.reading.json_syntax import syntax_problem
from observatory.reading.lines import Lines
from observatory.reading.text import Place, Reading

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_VALUE = rf'({_STRING}|[^\s{{}}\[\],:"]++|[{{\[])'
_TOKEN = re.compile(rf'{_STRING}(?:\s*:)?|[{{}}\[\]]|[^\s{{}}\[\],:"]+')
_BRACKET = re.compile(rf'(?:([{{\[])|[}}\]])(?:[^{{}}\[\]"]++|{_STRING})*+')
_MEMBER = re.compile(rf"\s*+[{{,]\s*+({_STRING})\s*+:\s*+{_VALUE}")
_ITEM = re.compile(rf"\s*+[\[,]\s*+{_VALUE}")

MAX_DIGITS = 300

_LONE_SURROGATE = re.compile(
    r"(?i)(?<!\\)(?:\\\\)*(\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2})"
)


Extent = tuple[int, int]
"""Where a value, or a key, begins in the text, and where it ends."""
Part = tuple[Extent | None, Extent]
"""A part of an object or a list: its key, which items have not, and its value."""


class JsonPlaces:
    """Places by path in one JSON text, which the standard parser has accepted."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = Lines(text)
        self._start = len(text) - len(text.lstrip())
        self._ends: dict[int, int] = {}
        self._parts: dict[int, dict[str, Part]] = {}

    def find(self, segments: Sequence[str]) -> tuple[Place | None, Place]:
        """See `Places`."""
        if not self._ends:
            self.pair_brackets()
        start = self._start
        key: Extent | None = None
        extent = start, self._ends.get(start) or len(self._text.rstrip())
        known = self._parts
        for segment in segments:
            found = (known.get(extent[0]) or self._parts_of(extent[0])).get(segment)
            if found is None:
                break
            key, extent = found
        span = self._lines.span
        return span(*key) if key else None, span(*extent)

    def pair_brackets(self, max_depth: int = 1_000_000) -> Place | None:
        """Find out where each object and list ends.

        Returns:
            Where nesting first exceeds a depth; None where it does not.
        """
        text, ends = self._text, self._ends
        stack: list[int] = []
        for match in _BRACKET.finditer(text) if text[self._start] in "{[" else ():
            at = match.start()
            if match.lastindex:
                stack.append(at)
                if len(stack) > max_depth:
                    return self._place(at, at + 1)
            else:
                ends[stack.pop()] = at + 1
        return None

    def deeper_than(self, depth: int) -> Place:
        """Where nesting first exceeds a depth; the start of the text when it does not."""
        return self.pair_brackets(depth) or (1, 1, 0)

    def duplicates(self) -> Iterator[tuple[str, Place, int]]:
        """Keys that stand twice in one object: the key, its place, and the line of the one before it."""
        found: list[tuple[Extent, str, int]] = []
        for start in self._ends:
            if self._text[start] == "{":
                self._members(start, found)
        return ((key, self._place(*extent), self._lines.at(earlier)[0]) for extent, key, earlier in sorted(found))

    def too_long(self, bound: int) -> int | None:
        """Where the first value begins that is longer than a bound and longest; None where there is none."""
        text, half = self._text, bound // 2
        for start in range(0, len(text) - half + 1, half):
            quote = text.find('"', start, start + half)
            if quote < 0 or text[quote - 1] == "\\":
                break  # a longer value than the bound covers one of these stretches, and has no bare quote in it
        else:
            return None
        longest = max(
            (match for match in _TOKEN.finditer(text) if match[0][-1] != ":"), key=lambda match: len(match[0])
        )
        return longest.start() if len(longest[0]) > bound else None

    def _parts_of(self, start: int) -> dict[str, Part]:
        """The parts of the object or the list that begins there; none of anything else."""
        known = self._parts.get(start)
        if known is None:
            opening = self._text[start]
            known = self._members(start) if opening == "{" else self._items(start) if opening == "[" else {}
            self._parts[start] = known
        return known

    def _members(self, start: int, repeated: list[tuple[Extent, str, int]] | None = None) -> dict[str, Part]:
        """The members of an object; of a key that stands twice the last.

        Args:
            repeated: Is given the keys that stand there again, with the place of the one before.
        """
        text, ends, place = self._text, self._ends, start
        found: dict[str, Part] = {}
        while (match := _MEMBER.match(text, place)) is not None:
            begin, place = match.span(2)
            place = ends.get(begin, place)
            word = match[1]
            key = json.loads(word) if "\\" in word else word[1:-1]
            if repeated is not None and key in found:
                earlier, _ = found[key]
                repeated.append((match.span(1), key, earlier[0] if earlier else 0))
            found[key] = match.span(1), (begin, place)
        return found

    def _items(self, start: int) -> dict[str, Part]:
        """The items of a list by their number."""
        text, place = self._text, start
        found: dict[str, Part] = {}
        while (match := _ITEM.match(text, place)) is not None:
            begin, place = match.span(1)
            place = self._ends.get(begin, place)
            found[str(len(found))] = None, (begin, place)
        return found

    def _place(self, start: int, end: int) -> Place:
        return self._lines.span(start, end)

    def beyond(self, bound: int) -> Place | None:
        """Where the text has one key or value more than a bound; None where it has not."""
        text = self._text
        if sum(text.count(char) for char in ",:[{") < bound:
            return None  # each key and value but the first follows one of these
        words = (match for match in _TOKEN.finditer(text) if match[0] not in "]}")
        match = next(islice(words, bound, None), None)
        return self._place(*match.span()) if match else None


def read_json(text: str, path: str) -> Reading:
    """A JSON text as a reading; duplicate keys are left in its problems.

    Raises:
        InputInvalid: It is no JSON, or beyond a bound.
    """
    places = JsonPlaces(text)
    if (place := places.beyond(MAX_VALUES)) is not None:
        raise InputInvalid(too_many(Location(path, *place)))
    twice = False

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        made = dict(pairs)
        twice |= len(made) != len(pairs)
        return made

    try:
        data = json.loads(
            text, object_pairs_hook=mapping, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_bounded
        )
    except json.JSONDecodeError as error:
        at = Location(path, error.lineno, error.colno, 1)
        raise InputInvalid(syntax_problem(error, text, at)) from None
    except _ConstantError as error:
        at = place_of_offset(text, max(text.find(str(error)), 0), path, len(str(error)))
        message = f"{error} is no number in JSON"
        raise InputInvalid(fault("json-syntax", message, at, "write null where there is no value")) from None
    except RecursionError:
        raise InputInvalid(too_deep(Location(path, *places.deeper_than(MAX_DEPTH)))) from None
    if "\\u" in text and (half := _LONE_SURROGATE.search(text)):
        message = f"{half[0]} is half of a character"
        raise InputInvalid(fault("control-character", message, place_of_offset(text, half.start(), path, 6)))
    if (place := places.pair_brackets(MAX_DEPTH)) is not None:
        raise InputInvalid(too_deep(Location(path, *place)))
    if (start := places.too_long(MAX_SCALAR)) is not None:
        raise InputInvalid(too_long(place_of_offset(text, start, path)))
    repeated = (duplicate(key, Location(path, *at), first) for key, at, first in places.duplicates()) if twice else ()
    return Reading(path, data, tuple(repeated), places)


class _ConstantError(Exception):
    """NaN or an infinity in JSON."""


def _refuse_constant(name: str) -> object:
    raise _ConstantError(name)


def _finite(text: str) -> float | str:
    """A number, or the text of one that no float can hold."""
    number = float(text)
    return number if abs(number) != float("inf") else text


def _bounded(text: str) -> int | str:
    """A whole number, or the text of one that has hundreds of digits, as in YAML."""
    return int(text) if len(text) <= MAX_DIGITS else text
