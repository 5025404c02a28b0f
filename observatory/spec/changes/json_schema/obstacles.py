"""An obstacle: a place where a reader may refuse what a writer writes, and messages that may show it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec.structs import replace

from observatory.location import Placed
from observatory.spec.changes.json_schema.branches import Branch

MAX_CANDIDATES = 10
WORDS = {
    "null": "null",
    "boolean": "a boolean",
    "number": "a number",
    "string": "a string",
    "array": "an array",
    "object": "an object",
}


class Obstacle(Placed, frozen=True, kw_only=True):
    """Why a value of the writer may be none of the reader.

    Attributes:
        steps: From the place where the two schemas were compared to the place that matters.
        candidates: Values at the place of comparison that may be accepted by the writer and refused by the reader.
        open: The keyword could not be decided: if no candidate turns out to be refused, that says nothing.
    """

    beside: ClassVar = frozenset({"candidates"})

    keyword: str
    message: str
    steps: tuple[str, ...] = ()
    candidates: tuple[Any, ...] = ()
    open: bool = False

    def below(self, step: str, candidates: Sequence[Any]) -> Obstacle:
        """The same obstacle seen from one level up, where candidates are values of that level."""
        return replace(self, steps=(step, *self.steps), candidates=tuple(candidates[:MAX_CANDIDATES]))

    @property
    def path(self) -> str:
        """`$.order.items[].price`."""
        return "$" + "".join(self.steps)


def member_step(name: str) -> str:
    """The step to a member: `.name`, or quoted in brackets where the name is not a plain word."""
    return f".{name}" if re.fullmatch(r"[A-Za-z_][\w-]*", name) else f"[{json.dumps(name, ensure_ascii=False)}]"


def spoken(value: Any) -> str:
    """A value in a sentence, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 60 else text[:59] + "…"


def type_words(branch: Branch, kind: str | None = None) -> list[str]:
    """The types of a branch, or one of them, with their articles."""
    kinds = sorted(branch.types) if kind is None else [kind]
    return ["an integer" if one == "number" and branch.integer else WORDS[one] for one in kinds]


def either(words: Sequence[str]) -> str:
    """Words of a choice: `a`, `a or b`, `a, b or c`."""
    return " or ".join([*([", ".join(words[:-1])] if len(words) > 1 else []), *words[-1:]])
