"""What can be said about two schemas: one direction at a time, with reasons, and the compatibility modes that follow.

A *writer* is the schema that a message was written by, a *reader* the one that it is read by.

    BACKWARD  the new schema reads what was written by the old one
    FORWARD   the old schema reads what is written by the new one
    FULL      both
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from msgspec import Struct

from observatory.location import Placed

Verdict = Literal["compatible", "breaking", "unknown"]
Mode = Literal["BACKWARD", "FORWARD", "FULL"]
WITNESS_CHARACTERS = 200


class Witness(Struct, frozen=True):
    """A concrete message that the writer's schema allows and the reader's refuses; found, and tried on a validator."""

    value: Any

    def __str__(self) -> str:
        text = json.dumps(self.value, ensure_ascii=False, sort_keys=True)
        return text if len(text) <= WITNESS_CHARACTERS else text[: WITNESS_CHARACTERS - 1] + "…"


class Reason(Placed, frozen=True, kw_only=True):
    """Why a reader cannot read, or why nobody can tell.

    Attributes:
        path: The place in the message, such as `$.order.items[].price`.
        keyword: The keyword or rule of the schema language that decides there.
        message: One sentence, lower-case start, no full stop.
        proved: The reader surely fails; False where the keyword could not be decided.
        witness: A message that shows it; None for Avro, where the rules speak for themselves.
    """

    beside: ClassVar = frozenset({"witness"})

    path: str
    keyword: str
    message: str
    proved: bool
    witness: Witness | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry of `reasons`; `witness` only where there is one, since null is a message too."""
        entry: dict[str, Any] = {
            "path": self.path,
            "keyword": self.keyword,
            "message": self.message,
            "proved": self.proved,
        }
        return entry if self.witness is None else entry | {"witness": self.witness.value}


class Reading(Struct, frozen=True, kw_only=True):
    """Whether one schema reads what another writes.

    Attributes:
        reasons: Those that are proved first; empty when compatible.
        assumption: What the word compatible rests on: a place where only a property that the writer's schema does not
            declare, and does not expressly allow, would be refused. None where it rests on nothing.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    assumption: Reason | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry of a direction."""
        return {
            "verdict": self.verdict,
            "reasons": [reason.to_json() for reason in self.reasons],
            "assumption": self.assumption.to_json() if self.assumption else None,
        }


COMPATIBLE = Reading(verdict="compatible")


class Compatibility(Struct, frozen=True, kw_only=True):
    """Both directions of one pair of schemas."""

    backward: Reading
    forward: Reading

    def verdict(self, mode: Mode) -> Verdict:
        """Whether a mode holds (compatible), fails (breaking), or cannot be decided."""
        if mode == "BACKWARD":
            return self.backward.verdict
        if mode == "FORWARD":
            return self.forward.verdict
        return worst([self.backward.verdict, self.forward.verdict])

    def to_json(self) -> dict[str, Any]:
        """The verdict of each mode, and the two directions."""
        modes: tuple[Mode, ...] = ("BACKWARD", "FORWARD", "FULL")
        return {
            "modes": {mode: self.verdict(mode) for mode in modes},
            "backward": self.backward.to_json(),
            "forward": self.forward.to_json(),
        }


SAME = Compatibility(backward=COMPATIBLE, forward=COMPATIBLE)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Breaking outweighs unknown, unknown outweighs compatible; nothing at all is compatible."""
    found = set(verdicts)
    return "breaking" if "breaking" in found else "unknown" if "unknown" in found else "compatible"


def reading_of(reasons: Iterable[Reason]) -> Reading:
    """The reading that reasons add up to: one that is proved breaks, the others leave it open."""
    ordered = sorted(dict.fromkeys(reasons), key=lambda one: (not one.proved, one.path, one.keyword, one.message))
    if not ordered:
        return COMPATIBLE
    return Reading(verdict="breaking" if ordered[0].proved else "unknown", reasons=tuple(ordered))


def undecided(keyword: str, message: str, path: str = "$") -> Reading:
    """A reading that is open for one reason."""
    return reading_of([Reason(path=path, keyword=keyword, message=message, proved=False)])
