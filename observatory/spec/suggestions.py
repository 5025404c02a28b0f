"""What somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str], count: int = 1) -> list[str]:
    """The known words that are near, nearest first; capitals do not count."""
    by_form: dict[str, str] = {}
    for one in known:
        by_form.setdefault(one.casefold(), one)
    return [by_form[form] for form in get_close_matches(word.casefold(), list(by_form), count, 0.6)]


def meant(word: str, known: Iterable[str]) -> str | None:
    """The nearest known word, None when nothing is near."""
    return next(iter(nearest(word, known)), None)


def hint_for(word: str, known: Iterable[str]) -> str:
    """A hint for an unknown word: the nearest known one, or all of them."""
    words = list(known)
    near = meant(word, words)
    return f"did you mean {near!r}?" if near else f"known are {', '.join(words)}"
