"""What is wrong with a text that is no JSON, in words for the person who wrote it."""

from __future__ import annotations

import json
import re

from observatory.errors import Problem
from observatory.location import Location
from observatory.reading.faults import fault

_WORDS = ("none", "true", "false", "null", "undefined")
_SAID = (
    # what Python's parser says, what that means, and what to do about it
    ("property name", "a key stands in double quotes", None),
    ("':' delimiter", "a colon is missing behind the key", None),
    ("',' delimiter", "a comma is missing before this", None),
    ("Extra data", "something stands behind the end of the document", "is one closing bracket too many above?"),
    ("control character", "a line break or a tab stands inside quotes", "write \\n or \\t, or close the quotes"),
    ("escape", "this is no escape, and in quotes a backslash begins one", "write \\\\ for a backslash"),
    ("Unterminated", "the quote that opens here is not closed", 'write " where the text ends'),
    ("Expecting value", "a value is expected here", "text stands in double quotes"),
)
_NO_COMMA = "JSON allows no comma before a closing bracket"


def syntax_problem(error: json.JSONDecodeError, text: str, at: Location) -> Problem:
    """The finding for an error of Python's parser."""
    rest = text[error.pos : error.pos + 20]
    before = text[max(0, error.pos - 200) : error.pos].rstrip()
    said, hint = _seen(rest, before) or next(
        ((said, hint) for word, said, hint in _SAID if word in error.msg), (f"not JSON: {error.msg.lower()}", None)
    )
    return fault("json-syntax", said, at, hint)


def _seen(rest: str, before: str) -> tuple[str, str | None] | None:
    """What the place itself shows, whatever the parser says about it."""
    word = re.match(r"[A-Za-z]+", rest)
    if not rest.strip():
        return "the file ends before its last bracket or quote is closed", "is it cut off?"
    if re.match(r"<{7} |={7}\s|>{7} ", rest):
        return f"{rest[:7]} is left over from a merge", "choose what is right between the marks, and take them out"
    if rest[0] in "\u2018\u2019\u201c\u201d\u201e":
        return "this is a typographic quote", 'write text in "straight" quotes'
    if rest.startswith("'"):
        return "JSON has no single quotes", 'write "text" in double quotes'
    if rest.startswith(("//", "/*", "#")):
        return "JSON has no comments", "take it out, or name the file .yaml, where # begins one"
    if rest[0] in "]}" and before.endswith(","):
        return "a comma stands before a closing bracket", _NO_COMMA
    if rest[0] == "," and before[-1:] in (",", "[", "{"):
        return "a value or a key is missing before this comma", None
    if rest[0] == "," and re.match(r",\s*[]}]", rest):
        return "a comma stands before a closing bracket", _NO_COMMA
    if rest[0] in "]}," and before.endswith(":"):
        return "a key has no value", "write null where there is none"
    if rest[0].isdigit() and re.search(r"(^|\W)-?0$", before):
        return "a number begins with a zero that is too many", None
    if rest[0] in ".+" and rest[1:2].isdigit():
        return f"a number begins with {rest[0]}", "write 0.5 for .5, and no plus sign"
    if word and word[0].lower() in _WORDS:
        return f"{word[0]} is no value in JSON", "JSON writes true, false and null"
    return None
