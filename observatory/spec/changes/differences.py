"""One aspect that differs between two catalogues, in words."""

from __future__ import annotations

import json

from msgspec import Struct

from observatory.spec.changes.verdict import Verdict


class Difference(Struct, frozen=True):
    """One aspect that differs, in words, and whether that breaks somebody."""

    aspect: str
    message: str
    verdict: Verdict = "compatible"


def from_to(what: str, old: object, new: object) -> str:
    """What a value became: added where there was none, removed where there is none now."""
    if old is None or old == []:
        return f"{what} {_spoken(new)} added"
    if new is None or new == []:
        return f"{what} {_spoken(old)} removed"
    return f"{what} {_spoken(old)} became {_spoken(new)}"


def _spoken(value: object) -> str:
    if isinstance(value, str):
        return value or "''"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return text if len(text) <= 80 else text[:79] + "…"
