"""Path patterns of CODEOWNERS files, matched segment by segment.

Nothing here is a regular expression: a hostile pattern costs at most its length times that of the path.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

ANY_DEPTH = "**"


class Pattern(Struct, frozen=True):
    """A pattern in parts.

    Attributes:
        segments: `**` stands for any number of folders, none included.
        descends: A match of a folder takes in everything below it.
        classes: `[a-z]` is a class of characters.
    """

    segments: tuple[str, ...]
    descends: bool
    classes: bool

    @classmethod
    def github(cls, text: str) -> Pattern:
        """By the rules of gitignore: a slash before the end binds it to the top; a folder means all below it.

        `docs/*` takes in the files of a folder and not those of folders below.
        """
        parts, anchored = _split(text)
        if not anchored and len([part for part in parts if part]) == 1 and parts[0] != ANY_DEPTH:
            parts = [ANY_DEPTH, *parts]
        return cls(_below(parts), descends=parts[-1] not in ("*", ANY_DEPTH, ""), classes=False)

    @classmethod
    def gitlab(cls, text: str) -> Pattern:
        """By the rules of a shell: what does not begin with a slash matches at any depth, `docs` only a file."""
        parts, anchored = _split(text)
        if not anchored and parts[0] != ANY_DEPTH:
            parts = [ANY_DEPTH, *parts]
        return cls(_below(parts), descends=False, classes=True)

    def matches(self, path: Sequence[str]) -> bool:
        """Whether a path, in segments, falls under the pattern."""
        reached = {0}
        for segment in self.segments:
            if segment == ANY_DEPTH:
                reached = set(range(min(reached), len(path) + 1))
            else:
                reached = {
                    place + 1 for place in reached if place < len(path) and _alike(segment, path[place], self.classes)
                }
            if not reached:
                return False
        return len(path) in reached or (self.descends and any(place < len(path) for place in reached))


def _split(text: str) -> tuple[list[str], bool]:
    anchored = text.startswith("/")
    return (text[1:] if anchored else text).split("/"), anchored


def _below(parts: Sequence[str]) -> tuple[str, ...]:
    """Segments to match; a folder, and `**` at the end, stand for everything inside."""
    if not any(parts):
        return ("",)  # a lone slash matches nothing
    last = parts[-1]
    if last in ("", ANY_DEPTH):
        return (*parts[:-1], ANY_DEPTH, "*")
    return tuple(parts)


def _alike(pattern: str, text: str, classes: bool) -> bool:
    """Whether one segment matches: `*` any run, `?` one character, a backslash takes the next as it is."""
    tokens = _tokens(pattern, classes)
    at = place = mark = 0
    star = -1
    while place < len(text):
        if at < len(tokens) and tokens[at] == ("*", None):
            star, mark = at, place
            at += 1
        elif at < len(tokens) and _takes(tokens[at], text[place]):
            at += 1
            place += 1
        elif star >= 0:
            mark += 1
            at, place = star + 1, mark
        else:
            return False
    return all(token == ("*", None) for token in tokens[at:])


Token = tuple[str, str | None]
"""`*`, `?`, a class with its characters (negated ones start with `!`), or `=` with the character itself."""


@lru_cache(maxsize=10_000)
def _tokens(pattern: str, classes: bool) -> list[Token]:
    tokens: list[Token] = []
    index = 0
    while index < len(pattern):
        char = pattern[index]
        if char == "\\" and index + 1 < len(pattern):
            tokens.append(("=", pattern[index + 1]))
            index += 1
        elif char in "*?":
            if not (char == "*" and tokens and tokens[-1] == ("*", None)):
                tokens.append((char, None))
        elif classes and char == "[" and (end := pattern.find("]", index + 2)) > 0:
            tokens.append(("[", pattern[index + 1 : end]))
            index = end
        else:
            tokens.append(("=", char))
        index += 1
    return tokens


def _takes(token: Token, char: str) -> bool:
    kind, value = token
    if kind == "?":
        return True
    if kind == "=":
        return value == char
    if kind != "[" or value is None:
        return False
    negated = value[:1] in ("!", "^")
    return _in_class(value[1:] if negated else value, char) != negated


def _in_class(members: str, char: str) -> bool:
    index = 0
    while index < len(members):
        if index + 2 < len(members) and members[index + 1] == "-":
            if members[index] <= char <= members[index + 2]:
                return True
            index += 3
        else:
            if members[index] == char:
                return True
            index += 1
    return False
