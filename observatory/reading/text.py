"""A file that was read: its plain values, and where each stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from observatory.errors import Problem
from observatory.location import Location, Placed

Place = tuple[int, int, int]
"""Line, column and length, the first two 1-based; length 0 where a value runs over several lines."""


class Places(Protocol):
    """Where things stand in one text."""

    def find(self, segments: Sequence[str]) -> tuple[Place | None, Place]:
        """Key and value place of the deepest existing part of a path; no key place for items of a list."""
        ...


class Reading(Placed, frozen=True):
    """A file that was read.

    Attributes:
        path: The file as the user named it.
        data: Plain values: dict with text keys, list, str, int, float, bool, None. Parts that an alias repeats are
            shared, so nobody may change them.
        problems: What a lenient reading passed over, duplicate keys and unknown tags.
        keys: Every key in the values, once somebody has looked at all of them.
        values: How many values there are, once somebody has; None where an alias repeats some.
    """

    beside: ClassVar = frozenset({"places", "keys", "values"})

    path: str
    data: Any
    problems: tuple[Problem, ...] = ()
    places: Places | None = None
    keys: frozenset[str] | None = None
    values: int | None = None

    def at(self, pointer: str | Sequence[str], *, key: bool = False) -> Location:
        """The place of a value, or of the key that holds it; of the nearest existing parent where there is none.

        Args:
            pointer: A JSON pointer, `/channels/orders~1eu`, or its unescaped parts.
            key: Point at the key instead of the value. List items have no key and answer with their value.
        """
        if self.places is None:
            return Location(self.path)
        key_place, place = self.places.find(segments_of(pointer) if isinstance(pointer, str) else pointer)
        return Location(self.path, *(key_place if key and key_place else place))


def segments_of(pointer: str) -> tuple[str, ...]:
    """The unescaped parts of a JSON pointer; the empty pointer has none.

    Raises:
        ValueError: It neither is empty nor starts with a slash.
    """
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ValueError(f"{pointer!r} is no JSON pointer; it starts with a slash")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def pointer_of(segments: Sequence[str]) -> str:
    """The JSON pointer with these parts."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in segments)
