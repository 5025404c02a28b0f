"""The error budget: how many events may be bad, how many were, what is left. Pure arithmetic on counts."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from observatory.indicators.counts import Counts


class Budget(Struct, frozen=True):
    """The error budget in events: `allowed` by the target, `spent` so far; `remaining_ratio` may be negative."""

    allowed: float
    spent: float
    remaining_ratio: float | None

    @classmethod
    def of(cls, counts: Counts, target: float) -> Budget:
        """What counts come to against a target."""
        return cls(allowed_events(counts, target), spent_events(counts), remaining_ratio(counts, target))

    def to_json(self) -> dict[str, float | None]:
        """The `budget` object of status and review."""
        return {"allowed": self.allowed, "spent": self.spent, "remaining_ratio": self.remaining_ratio}


@lru_cache(maxsize=1024)
def budget_ratio(target: float) -> float:
    """Share of events that may be bad: 1 - target, in decimal, so that 0.999 leaves 0.001 and no binary dust."""
    return float(_share(target))


@lru_cache(maxsize=1024)
def _share(target: float) -> Decimal:
    return 1 - Decimal(repr(target))


@lru_cache(maxsize=1024)
def _share_as_integers(target: float) -> tuple[int, int]:
    """The same as a fraction."""
    return _share(target).as_integer_ratio()


def allowed_events(counts: Counts, target: float) -> float:
    """Events that may be bad among those that were counted; in decimal, so that 3,780 at 99 % allow 37.8."""
    total = float(counts.total)
    if total.is_integer():
        # Whole numbers are what is counted mostly: divided exactly, and rounded once, as a decimal is when it ends.
        above, below = _share_as_integers(target)
        return int(total) * above / below
    return float(Decimal(repr(total)) * _share(target))


def spent_events(counts: Counts) -> float:
    """Events that were bad; never below zero, for good events counted late are no credit."""
    return max(0.0, counts.bad)


def remaining_ratio(counts: Counts, target: float) -> float | None:
    """Share of the budget that is left: 1 untouched, 0 spent, negative when overspent; None without events."""
    allowed = allowed_events(counts, target)
    return 1 - spent_events(counts) / allowed if allowed > 0 else None


def is_overspent(left: float | None) -> bool:
    """Whether more events were bad than the target allows, by the share that is left; rounding overspends nothing."""
    return left is not None and left < -1e-12


def smaller_than_one_event(counts: Counts, target: float) -> bool:
    """True when a single bad event would spend more than the whole budget of the window."""
    return counts.total > 0 and allowed_events(counts, target) < 1
