"""Many objectives in one number: counts added, so that every event weighs the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from observatory.evaluate.status import STATES, ObjectiveStatus, State
from observatory.indicators.counts import Counts
from observatory.objectives.budget import allowed_events, spent_events
from observatory.spec.catalog import SliWord


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    """Several objectives together.

    Attributes:
        name: The domain, the owner, or whatever they were grouped by.
        counts: Good and total of all, each measurement once, however many objectives share it: over the longest of
            their windows.
        allowed, spent: Error budget in events, added over objectives.
        states: How many objectives are in each state.
        worst: The worst of these states; None without objectives.
    """

    name: str
    counts: Counts
    allowed: float
    spent: float
    states: Mapping[State, int]
    worst: State | None

    @property
    def objectives(self) -> int:
        return sum(self.states.values())

    @property
    def remaining_ratio(self) -> float | None:
        """Share of the common budget left; None without events."""
        return 1 - self.spent / self.allowed if self.allowed > 0 else None


def roll_up(name: str, statuses: Iterable[ObjectiveStatus]) -> Rollup:
    """One roll-up of the objectives given. Ratios are never averaged: counts are added."""
    allowed, spent = 0.0, 0.0
    states: Counter[State] = Counter()
    longest: dict[str, Counts] = {}
    for status in statuses:
        states[status.state] += 1
        if status.counts is None:
            continue
        allowed += allowed_events(status.counts, status.objective.target)
        spent += spent_events(status.counts)
        identity = status.measurement or status.objective.id
        known = longest.get(identity)
        if known is None or known.expected_seconds < status.counts.expected_seconds:
            longest[identity] = status.counts
    counts = Counts()
    for one in longest.values():
        counts += one
    worst = next((state for state in STATES if states[state]), None)
    return Rollup(name=name, counts=counts, allowed=allowed, spent=spent, states=dict(states), worst=worst)


def roll_up_by(
    statuses: Iterable[ObjectiveStatus],
    key: Callable[[ObjectiveStatus], str | None],
    sli: SliWord | None = "availability",
    unnamed: str = "no domain",
) -> tuple[Rollup, ...]:
    """Roll-ups by a key, sorted by name, those without a key under `unnamed`.

    Only objectives of one word are added (availability unless told otherwise), for a late message and a refused one
    are not the same kind of event; `sli=None` takes all.
    """
    groups: dict[str, list[ObjectiveStatus]] = {}
    for status in statuses:
        if sli is None or status.objective.sli == sli:
            groups.setdefault(key(status) or unnamed, []).append(status)
    return tuple(roll_up(name, groups[name]) for name in sorted(groups))


def by_domain(statuses: Iterable[ObjectiveStatus], sli: SliWord | None = "availability") -> tuple[Rollup, ...]:
    """One roll-up per domain."""
    return roll_up_by(statuses, lambda status: status.objective.domain, sli)


def by_owner(statuses: Iterable[ObjectiveStatus], sli: SliWord | None = "availability") -> tuple[Rollup, ...]:
    """One roll-up per owning team."""
    return roll_up_by(
        statuses,
        lambda status: status.objective.owner.team if status.objective.owner else None,
        sli,
        "no owner",
    )


def estate(statuses: Iterable[ObjectiveStatus], sli: SliWord | None = "availability") -> Rollup:
    """Everything in one number."""
    return roll_up("estate", (one for one in statuses if sli is None or one.objective.sli == sli))
