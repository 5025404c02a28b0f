"""What somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

MAX_CANDIDATES = 200
"""Known words that are compared with a wrong one; a document may know a hundred thousand, and be wrong as often."""
MAX_LETTERS = 100
MAX_LISTED = 20


def nearest(word: str, known: Iterable[str], count: int = 1) -> list[str]:
    """The known words that are near, nearest first; capitals do not count."""
    by_form: dict[str, str] = {}
    for one in known:
        by_form.setdefault(one.casefold(), one)
    return [by_form[form] for form in get_close_matches(word.casefold(), list(by_form), count, 0.6)]


def meant(word: str, known: Iterable[str]) -> str | None:
    """The nearest known word, None when nothing is near. The same word in another case is nearest."""
    if len(word) > MAX_LETTERS:
        return None
    folded = word.lower()
    candidates: dict[str, str] = {}
    for one in known:
        if one.lower() == folded:
            return one
        if len(candidates) < MAX_CANDIDATES and min(len(one), len(word)) >= 0.3 * (len(one) + len(word)):
            candidates.setdefault(one.lower(), one)  # words that differ more in length cannot be near
    found = get_close_matches(folded, candidates, 1, 0.6)
    return candidates[found[0]] if found else None


def hint_for(word: str, known: Iterable[str]) -> str:
    """A hint for an unknown word: the nearest known one, or all of them, the first twenty of many."""
    words = list(known)
    near = meant(word, words)
    if near:
        return f"did you mean {near!r}?"
    rest = len(words) - MAX_LISTED
    return f"known are {', '.join(islice(words, MAX_LISTED))}" + (f" and {rest} more" if rest > 0 else "")
