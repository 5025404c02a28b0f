"""JSON text: values from the standard parser, places from a scan of its own.

The scan runs only after the parser has accepted the text, so strings, brackets and commas are all it must know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

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

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"(?:\s*:)?|[{}\[\]]|[^\s{}\[\],:"]+')

MAX_DIGITS = 300

_LONE_SURROGATE = re.compile(
    r"(?i)(?<!\\)(?:\\\\)*(\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2})"
)


Extent = tuple[int, int]
"""Where a value begins in the text, and where it ends."""


@dataclass(slots=True)
class JsonNode:
    """An object or a list: its extent, and its parts by key or by position. Of a plain value the extent is enough."""

    start: int
    end: int = 0
    members: dict[str, tuple[int, int, JsonNode | Extent]] | None = None
    items: list[JsonNode | Extent] | None = None


@dataclass(slots=True)
class JsonIndex:
    """The tree of a text and what was noticed while it was built."""

    root: JsonNode | Extent
    duplicates: list[tuple[str, Place, int]] = field(default_factory=list)
    too_deep: Place | None = None
    longest: tuple[int, int] = (0, 0)


class JsonPlaces:
    """Places by path in one JSON text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._index: JsonIndex | None = None
        self._lines = Lines(text)

    def find(self, segments: Sequence[str]) -> tuple[Place | None, Place]:
        """See `Places`."""
        node, key = self.index().root, None
        for segment in segments:
            if not isinstance(node, JsonNode):
                break
            if node.members is not None and segment in node.members:
                start, end, node = node.members[segment]
                key = (start, end)
            elif node.items is not None and segment.isdecimal() and int(segment) < len(node.items):
                key, node = None, node.items[int(segment)]
            else:
                break
        extent = (node.start, node.end) if isinstance(node, JsonNode) else node
        return self._place(*key) if key else None, self._place(*extent)

    def deeper_than(self, depth: int) -> Place:
        """Where nesting first exceeds a depth; the start of the text when it does not."""
        level = 0
        for match in _TOKEN.finditer(self._text):
            word = match[0]
            if word in "{[":
                level += 1
                if level > depth:
                    return self._place(match.start(), match.end())
            elif word in "}]":
                level -= 1
        return 1, 1, 0

    def index(self, max_depth: int = 1_000_000) -> JsonIndex:
        """The tree of the text, built at the first call."""
        if self._index is None:
            self._index = self._build(max_depth)
        return self._index

    def _build(self, max_depth: int) -> JsonIndex:
        top = JsonNode(0, items=[])
        index = JsonIndex(top)
        stack = [top]
        current = top
        key: tuple[int, int, str] | None = None
        for match in _TOKEN.finditer(self._text):
            word = match[0]
            first = word[0]
            start, end = match.span()
            if first == '"' and word[-1] == ":":
                text = word[:-1].rstrip()
                key = (start, start + len(text), json.loads(text) if "\\" in text else text[1:-1])
                continue
            if first in "}]":
                stack.pop().end = end
                current = stack[-1]
                continue
            if end - start > index.longest[1]:
                index.longest = (start, end - start)
            node = JsonNode(start, end) if first in "{[" else (start, end)
            if current.members is not None:
                assert key is not None
                if key[2] in current.members:
                    earlier = self._lines.at(current.members[key[2]][0])[0]
                    index.duplicates.append((key[2], self._place(key[0], key[1]), earlier))
                current.members[key[2]] = (key[0], key[1], node)
            else:
                assert current.items is not None
                current.items.append(node)
            if isinstance(node, JsonNode):
                if first == "{":
                    node.members = {}
                else:
                    node.items = []
                stack.append(node)
                current = node
                if len(stack) - 1 > max_depth:
                    index.too_deep = self._place(start, end)
                    break
        index.root = (top.items or [top])[0]
        return index

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
    try:
        data = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_bounded)
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
    index = places.index(MAX_DEPTH)
    if index.too_deep:
        raise InputInvalid(too_deep(Location(path, *index.too_deep)))
    if index.longest[1] > MAX_SCALAR:
        raise InputInvalid(too_long(place_of_offset(text, index.longest[0], path)))
    twice = (duplicate(key, Location(path, *at), first) for key, at, first in index.duplicates)
    return Reading(path, data, tuple(twice), places)


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
