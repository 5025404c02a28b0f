"""How large a value is when everything in it that is shared is written out, found without writing it out.

Values share the parts that aliases and references repeat, so a document of some lines can stand for more values than
any memory holds. Whoever hands a value to something that does not know of sharing asks here first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from observatory.errors import Problem
from observatory.location import Location

MAX_UNFOLDED = 2_000_000
MAX_LEVELS = 300
_CONTAINERS = (dict, list)


class Unfolding:
    """Sizes of values of one document, and how much of it has been written out already.

    The bound holds for the sum, because one large part that a thousand others refer to is written out a thousand times.
    """

    def __init__(self) -> None:
        self.written = 0
        self._at_most = 0
        self._unmeasured: list[Any] = []
        self._known: dict[int, tuple[int, int]] = {}
        self._kept: list[Any] = []  # parts are known by their id, which is theirs only as long as they live

    def size(self, value: Any) -> tuple[int, int]:
        """Values in a value, itself counted, and levels of nesting; a plain one has none. Parts are looked at once."""
        self._kept.append(value)
        known, entered = self._known, set[int]()
        pending: list[Any] = [value] if isinstance(value, _CONTAINERS) else []
        while pending:
            node = pending[-1]
            if id(node) in known:
                pending.pop()
                continue
            size, levels, held = 1 + len(node), 0, len(pending)
            for part in node.values() if isinstance(node, dict) else node:
                if isinstance(part, _CONTAINERS):
                    below = known.get(id(part))
                    if below is not None:
                        size, levels = size + below[0] - 1, max(levels, below[1])
                    elif id(node) not in entered:
                        pending.append(part)
            if len(pending) == held:
                known[id(pending.pop())] = size, levels + 1
            entered.add(id(node))
        return known.get(id(value), (1, 0))

    def refused(self, value: Any, location: Location, at_most: int | None = None) -> Problem | None:
        """The finding for a value that must not be written out; None for one that may, which then counts as written.

        Args:
            at_most: A bound for the values in it, whose levels are few. It is measured only when the bounds add up to
                more than there may be.
        """
        if at_most is not None and self.written + self._at_most + at_most <= MAX_UNFOLDED:
            self._at_most += at_most
            self._unmeasured.append(value)
            return None
        self.written += sum(self.size(earlier)[0] for earlier in self._unmeasured)
        self._at_most, self._unmeasured = 0, []
        values, levels = self.size(value)
        if self.written + values <= MAX_UNFOLDED and levels <= MAX_LEVELS:
            self.written += values
            return None
        what = f"more than {MAX_LEVELS} levels" if levels > MAX_LEVELS else f"more than {MAX_UNFOLDED:,} values"
        message = f"references grow the document to {what} when this is written out, so it is not checked"
        hint = "let fewer parts refer to parts that refer to others"
        return Problem(code="reference-expansion", message=message, location=location, hint=hint)

    def bound(self, values: int | None, repeated: Sequence[Any]) -> int | None:
        """A bound for a value that is made of parts of files, some more than once; None where none is known cheaply.

        Args:
            values: In the files, aliases written out.
            repeated: Its parts that stand there again.
        """
        if values is None:
            return None
        sizes = [self.size(part) for part in repeated]
        if max((levels for _, levels in sizes), default=0) > MAX_LEVELS // 2:
            return None
        return values + sum(size for size, _ in sizes)
