"""Where something was written, and the line under which a caret points at it."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from array import array
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

from observatory.covering import MAX_LOOK_BACK, covered_line

EXCERPT_COLUMNS = 120
TAB_COLUMNS = 4
_READ_BYTES = 33 * 1024 * 1024
_AROUND = 400
"""Characters on both sides of a place that are looked at; the excerpt is cut from them."""


class Location(Struct, frozen=True, order=True):
    """A place in a text file.

    Attributes:
        path: The file as the user named it; never resolved, so that messages match what was typed.
        line: 1-based.
        column: 1-based, counted in characters.
        length: Characters to underline; 0 when the extent is unknown.
    """

    path: str
    line: int = 1
    column: int = 1
    length: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class Placed(Struct, frozen=True, eq=False):
    """A value that was read from a file: equal to any other that says the same, wherever each of them stands.

    Attributes:
        beside: Names of the parts that are no part of what it says, so that they are neither compared nor hashed.
    """

    beside: ClassVar[frozenset[str]] = frozenset({"location"})

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not type(self):
            return NotImplemented
        return self._said() == other._said()

    def __hash__(self) -> int:
        return hash(self._said())

    def _said(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__struct_fields__ if name not in self.beside)


class Excerpt(Struct, frozen=True):
    """A source line and what stands under it, as wide on a terminal as each other.

    Attributes:
        number: The number of the line, right-aligned.
        text: The line, cut around the place where it is long.
        pointer: Blanks and carets.
    """

    number: str
    text: str
    pointer: str

    def __str__(self) -> str:
        return f"{self.number} | {self.text}\n{' ' * len(self.number)} | {self.pointer}"


def excerpt(location: Location) -> Excerpt | None:
    """The source line with a caret under the place; None when the file cannot be read.

    Carets stand under what they mean on a terminal: wide characters take two columns, combining ones none, and a tab
    is drawn as four blanks. Long lines are cut around the caret. Control characters are replaced, so that a document
    cannot move the cursor of the terminal that shows it, and secrets are covered, so that a message can be passed on.
    """
    lines = _lines(location.path)
    if lines is None:
        return None
    index = location.line - 1
    line = lines.row(index)
    first = min(max(location.column - 1, 0), len(line))
    begin = max(0, first - _AROUND)
    above = [lines.row(number)[:_AROUND] for number in range(max(0, index - MAX_LOOK_BACK), index)]
    shown = covered_line([*above, line[begin : first + _AROUND]], len(above))
    cells = [_cell(char) for char in shown]
    first -= begin
    last = min(first + max(location.length, 1), len(cells))
    left, right = _window([columns for _, columns in cells], first)
    head = "…" if left or begin else ""
    tail = "…" if right < len(cells) or first + begin + _AROUND < len(line) else ""
    before = sum(columns for _, columns in cells[left:first]) + len(head)
    under = max(1, sum(columns for _, columns in cells[first : min(last, right)]))
    text = head + "".join(char for char, _ in cells[left:right]) + tail
    return Excerpt(number=f"{location.line:>5}", text=text, pointer=" " * before + "^" * under)


def _cell(char: str) -> tuple[str, int]:
    """What is drawn for a character, and how many columns of a terminal that takes."""
    if char == "\t":
        return " " * TAB_COLUMNS, TAB_COLUMNS
    if not char.isprintable():
        return " ", 1
    if unicodedata.category(char) in ("Mn", "Me"):
        return char, 0
    return char, 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _window(columns: list[int], place: int) -> tuple[int, int]:
    """The characters around a place that fit into an excerpt: all of a short line, else as many on both sides."""
    if sum(columns) <= EXCERPT_COLUMNS:
        return 0, len(columns)
    left = right = place
    room = EXCERPT_COLUMNS
    while left > 0 and room - columns[left - 1] >= EXCERPT_COLUMNS // 2:
        left -= 1
        room -= columns[left]
    while right < len(columns) and room >= columns[right]:
        room -= columns[right]
        right += 1
    while left > 0 and room >= columns[left - 1]:
        left -= 1
        room -= columns[left]
    return left, right


def starts_of(text: str) -> array[int]:
    """Where each line of a text begins; four bytes for each, because a text may be all line ends."""
    return array("I", chain((0,), (match.end() for match in re.finditer("\n", text))))


class _Rows(Struct, frozen=True):
    """A text by its lines."""

    text: str
    starts: array[int]

    def row(self, index: int) -> str:
        """A line by its number from 0, without its end; empty where there is none."""
        if not 0 <= index < len(self.starts):
            return ""
        end = self.starts[index + 1] - 1 if index + 1 < len(self.starts) else len(self.text)
        return self.text[self.starts[index] : end]


def _lines(path: str) -> _Rows | None:
    """A file by its lines, counted as the readers of YAML and JSON count them; None for what is no readable file."""
    try:
        # Opening a pipe would wait for somebody to write into it, so what a path is, is looked at first.
        about = Path(path).stat()
        if not stat.S_ISREG(about.st_mode):
            return None
        return _read_lines(os.path.realpath(path), about.st_ino, about.st_mtime_ns, about.st_size)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=1)
def _read_lines(path: str, _inode: int, _changed_ns: int, _size: int) -> _Rows:
    """Findings come file by file and may be many, so the last file is kept."""
    with Path(path).open("rb") as file:
        raw = file.read(_READ_BYTES)
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = raw.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _Rows(text, starts_of(text))
