"""How much work a comparison may take: documents are untrusted, and the worst schemas take for ever to decide."""

from __future__ import annotations

from msgspec import Struct

from observatory.spec.changes.json_schema.cleaning import NotDecidable

MAX_EFFORT = 3_000_000
"""Well under a minute; the unit is one step of an automaton, and everything else is counted in its multiples."""
PAIR = 20
SAMPLE = 5


class Effort(Struct):
    """What is left of the work that all comparisons of two catalogues may take together."""

    left: int = MAX_EFFORT

    def spend(self, units: int) -> None:
        """Take some of it.

        Raises:
            NotDecidable: Nothing is left.
        """
        self.left -= units
        if self.left < 0:
            raise NotDecidable("schema", "too much work has gone into the comparison to go on")
