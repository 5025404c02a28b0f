"""Lines of a text: where each begins, and what stands in it."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from functools import cached_property
from typing import Protocol

from observatory.location import starts_of

_OTHER_BREAKS = re.compile("[\x85\u2028\u2029]")
_LOOK_BACK = 1000


class Mark(Protocol):
    """A place as libyaml says it; line and column are 0-based."""

    index: int
    line: int
    column: int


class Lines:
    """A text by its lines, which end in a line feed and in nothing else, as editors and other readers have it.

    libyaml ends a line at three rarer characters as well. In a text that holds one of them its lines are not believed,
    and places are found by their index.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: array[int] | None = None
        self._own = not text.isascii() and _OTHER_BREAKS.search(text) is not None

    def of(self, mark: Mark) -> tuple[int, int]:
        """Line and column of a mark, both 1-based; the end of the text for one that lies behind it."""
        if self._own:
            return self.at(mark.index)
        if mark.column == 0 and mark.index >= len(self._text):
            return self.at(len(self._text))
        return mark.line + 1, mark.column + 1

    def at(self, index: int) -> tuple[int, int]:
        """Line and column of a character, both 1-based."""
        if index >= len(self._text):
            return self._end
        starts = self._begin()
        line = bisect_right(starts, index)
        return line, index - starts[line - 1] + 1

    def span(self, start: int, end: int) -> tuple[int, int, int]:
        """Line and column of a stretch of text, and its length; 0 where it runs over several lines."""
        starts = self._begin()
        line = bisect_right(starts, start)
        length = end - start if line == len(starts) or end <= starts[line] else 0
        return line, start - starts[line - 1] + 1, length

    def text_of(self, line: int) -> str:
        """A line without its end; empty where there is none."""
        starts = self._begin()
        if not 1 <= line <= len(starts):
            return ""
        end = starts[line] - 1 if line < len(starts) else len(self._text)
        return self._text[starts[line - 1] : end]

    def text_before(self, line: int) -> str:
        """Everything above a line."""
        starts = self._begin()
        return self._text[: starts[line - 1]] if 1 <= line <= len(starts) else self._text

    def indents_above(self, line: int) -> list[int]:
        """How far the lines are indented that a line stands below: its neighbour, and those that hold it."""
        found: list[int] = []
        for number in range(line - 1, max(0, line - _LOOK_BACK), -1):
            text = self.text_of(number)
            if not text.strip() or text.lstrip().startswith("#"):
                continue
            indent = len(text) - len(text.lstrip(" "))
            dash = re.match(r" *(?:- +)+", text)
            inner = [len(dash[0])] if dash else []  # keys of an entry stand behind its dash
            for one in (*inner, indent):
                if not found or one < min(found):
                    found.append(one)
            if indent == 0:
                break
        return sorted(found)

    @cached_property
    def _end(self) -> tuple[int, int]:
        """The place behind the last character, which every document asks for, without an index of the lines."""
        return self._text.count("\n") + 1, len(self._text) - self._text.rfind("\n")

    def _begin(self) -> array[int]:
        if self._starts is None:
            self._starts = starts_of(self._text)
        return self._starts
