"""What somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def meant(word: str, known: Iterable[str]) -> str | None:
    """The nearest known word, None when nothing is near."""
    near = get_close_matches(word.lower(), list(known), 1, 0.6)
    return near[0] if near else None


def hint_for(word: str, known: Iterable[str]) -> str:
    """A hint for an unknown word: the nearest known one, or all of them."""
    words = list(known)
    near = meant(word, words)
    return f"did you mean {near!r}?" if near else f"known are {', '.join(words)}"
