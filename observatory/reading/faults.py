"""What makes a text unreadable, and the bounds that untrusted text is held to."""

from __future__ import annotations

from observatory.errors import Problem
from observatory.location import Location

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 100
MAX_SCALAR = 1024 * 1024
MAX_VALUES = 2_000_000
"""Keys and values in one file."""
MAX_UNFOLDED = 500_000
"""Values in one file when each alias is written out."""


def fault(code: str, message: str, location: Location, hint: str | None = None, label: str = "") -> Problem:
    """An error about a place in a text."""
    return Problem(code=code, message=message, location=location, hint=hint, label=label)


def too_deep(location: Location) -> Problem:
    """Nesting beyond `MAX_DEPTH`."""
    return fault("nesting-too-deep", f"values are nested deeper than {MAX_DEPTH} levels", location)


def too_long(location: Location) -> Problem:
    """A scalar beyond `MAX_SCALAR`."""
    return fault("scalar-too-long", f"one value is longer than {MAX_SCALAR:,} characters", location)


def too_many(location: Location) -> Problem:
    """More keys and values than `MAX_VALUES`."""
    return fault("document-too-large", f"the file holds more than {MAX_VALUES:,} keys and values", location)


def duplicate(key: str, location: Location, first_line: int) -> Problem:
    """A key that stands twice in one mapping."""
    message = f"the key {key!r} is written twice; the first one is in line {first_line}"
    return fault("key-duplicate", message, location, "take one of them out, or rename it", "this one is used")


def place_of_offset(text: str, index: int, path: str, length: int = 1) -> Location:
    """The location of a character by its index."""
    line = text.count("\n", 0, index) + 1
    return Location(path, line, index - text.rfind("\n", 0, index), length)
