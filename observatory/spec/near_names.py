"""Addresses that somebody may have meant for the same: a letter off, other separators, another version, other order.

Found by look-up and not by comparing all with all, so ten thousand addresses take a moment.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from enum import IntEnum

from msgspec import Struct, field

MAX_LETTERS = 200
MAX_WORDS = 12
SHORTEST = 5
CLOSE = 0.9
"""Likeness of two names of different numbers of words, from which one is taken for a slip of the other."""
SHORTEST_WORD = 4
CLOSE_WORD = 0.8
"""Likeness of two words of such a length, from which one is taken for a slip of the other."""
ENVIRONMENTS = frozenset(
    ("dev", "development", "test", "testing", "qa", "int", "integration", "stage", "staging", "stg", "uat")
) | frozenset(("preprod", "pre", "prod", "production", "prd", "live", "local", "sandbox", "perf", "canary"))
"""Words that teams put before or behind a name to keep environments apart."""
_WORD = re.compile(r"\{[^{}]*\}|[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Nearness(IntEnum):
    """How two names are alike, the likeliest slips first."""

    SPELLING = 0
    """The same words with other separators, capitals or plurals: `order-placed`, `Orders.Placed`."""
    LETTER = 1
    """One letter too many, too few or wrong, or two swapped: `orders.palced`."""
    ENVIRONMENT = 2
    """The same but for the name of an environment at an end: `prod-orders`, `orders.staging`."""
    VERSION = 3
    """The same but for numbers: `orders.v1`, `orders.v2`."""
    ORDER = 4
    """The same words in another order: `placed.orders`."""
    PART = 5
    """One is the beginning or the end of the other: `prod.orders.placed`."""


class _Form(Struct, frozen=True):
    words: tuple[str, ...]
    plain: str

    @classmethod
    def of(cls, name: str) -> _Form:
        found = _WORD.findall(_HUMP.sub(" ", name[:MAX_LETTERS]))[:MAX_WORDS]
        words = tuple(_singular("{}" if word.startswith("{") else word.casefold()) for word in found)
        return cls(words, "".join(words))

    def keys(self) -> Iterator[tuple[Nearness, object]]:
        yield Nearness.SPELLING, self.plain
        if len(self.plain) >= SHORTEST:
            yield Nearness.LETTER, self.plain
            for place in range(len(self.plain)):
                yield Nearness.LETTER, self.plain[:place] + self.plain[place + 1 :]
        if plain := "".join(self._without_environment()):
            yield Nearness.ENVIRONMENT, plain
        if any(word.isdecimal() for word in self.words):
            # A version that one of two names lacks is a difference in numbers too.
            yield Nearness.VERSION, tuple(word for word in self.words if not word.isdecimal() and word != "v")
        else:
            yield Nearness.VERSION, self.words
        if len(self.words) > 1:
            yield Nearness.ORDER, tuple(sorted(self.words))
            for length in range(2, len(self.words) + 1):
                yield Nearness.PART, self.words[:length]
                yield Nearness.PART, self.words[-length:]

    def _without_environment(self) -> tuple[str, ...]:
        words = self.words
        if len(words) > 1 and words[0] in ENVIRONMENTS:
            words = words[1:]
        if len(words) > 1 and words[-1] in ENVIRONMENTS:
            words = words[:-1]
        return words

    def is_near(self, other: _Form, how: Nearness) -> bool:
        """Whether a shared key means what it says."""
        if how == Nearness.LETTER:
            return _letter_apart(self.plain, other.plain)
        if how == Nearness.PART:
            short, long = sorted((self.words, other.words), key=len)
            return short != long and (long[: len(short)] == short or long[-len(short) :] == short)
        return True


class NearNames(Struct):
    """Names to look others up in, each with the id of what it names."""

    _forms: dict[str, _Form] = field(default_factory=dict)
    _ids: dict[tuple[Nearness, object], set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, names: Mapping[str, str]) -> NearNames:
        """Names by id."""
        near = cls()
        for one, name in names.items():
            near._forms[one] = form = _Form.of(name)
            for key in form.keys():  # noqa: SIM118 (no mapping)
                near._ids[key].add(one)
        return near

    def near(self, name: str) -> list[tuple[Nearness, str]]:
        """Ids whose names are near, likeliest first, each with the best reason."""
        form = _Form.of(name)
        found: dict[str, Nearness] = {}
        for key in form.keys():  # noqa: SIM118 (no mapping)
            for one in self._ids.get(key, ()):
                if (one not in found or key[0] < found[one]) and form.is_near(self._forms[one], key[0]):
                    found[one] = key[0]
        return sorted((how, one) for one, how in found.items())


def is_slip(first: str, second: str) -> bool:
    """Whether somebody may have meant the same, with several letters wrong in one word or in more.

    Word by word: `orders.placed` and `orders.paid` have most letters in common, and mean two things.
    """
    one, other = _Form.of(first), _Form.of(second)
    if one.plain == other.plain:
        return True
    if len(one.words) == len(other.words):
        return all(left == right or _alike(left, right) for left, right in zip(one.words, other.words, strict=True))
    return _likeness(one.plain, other.plain) >= CLOSE


def _alike(left: str, right: str) -> bool:
    if left.isdecimal() and right.isdecimal():
        return True
    return min(len(left), len(right)) >= SHORTEST_WORD and _likeness(left, right) >= CLOSE_WORD


def _likeness(one: str, other: str) -> float:
    """0..1 by common letters."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _singular(word: str) -> str:
    """A word without the ending of a plural; `category`, `categories` and `movie`, `movies` each give one."""
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if len(word) > 3 and word.endswith("ie"):
        return word[:-1]
    return f"{word[:-1]}i" if len(word) > 3 and word.endswith("y") else word


def _letter_apart(one: str, other: str) -> bool:
    """One letter added, dropped or replaced, or two neighbours swapped; digits are told apart by meaning."""
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    if any(letter.isdecimal() for letter in left + right):
        return False
    return max(len(left), len(right)) == 1 or (len(left) == 2 and left == right[::-1])
