"""Where something was written, and the line under which a caret points at it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

EXCERPT_COLUMNS = 120
_CREDENTIAL = re.compile(r"(?<=://)[^/\s@\"']+(?=@)|(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9._~+/=-]{6,}")


@dataclass(frozen=True, slots=True, order=True)
class Location:
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


def excerpt(location: Location, label: str = "") -> str:
    """The source line with a caret under the place, or an empty string when the file cannot be read.

    Two lines of text without a trailing line break. Tabs count as one column and are drawn as one space.
    Long lines are cut around the caret. Control characters are replaced, so that a document cannot move
    the cursor of the terminal that shows it, and so are credentials, so that a message can be passed on.
    """
    try:
        with Path(location.path).open(encoding="utf-8", errors="replace") as file:
            text = next((row for number, row in enumerate(file, 1) if number == location.line), "")
    except OSError:
        return ""
    text = "".join(char if char.isprintable() else " " for char in text.rstrip("\r\n"))
    text = _CREDENTIAL.sub(lambda match: "*" * len(match[0]), text)
    begin = max(0, location.column - 1 - EXCERPT_COLUMNS // 2) if len(text) > EXCERPT_COLUMNS else 0
    text = text[begin : begin + EXCERPT_COLUMNS]
    offset = location.column - 1 - begin
    width = max(1, min(location.length or 1, len(text) - offset))
    number = f"{location.line:>5}"
    pointer = " " * max(0, offset) + "^" * width + (f" {label}" if label else "")
    return f"{number} | {text}\n{' ' * len(number)} | {pointer}"
