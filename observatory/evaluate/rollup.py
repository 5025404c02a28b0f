"""Many objectives in one number: counts added, so that every event weighs the same.

What is added, and what is not:

- Only objectives of one word are added, availability unless told otherwise. A message that is late, one that is refused
  and a minute of lag are not the same kind of event, and one message that has two objectives would count twice.
- A measured thing counts once, however many objectives share it: for the one with the longest window, and among these
  for the one with the strictest target.
- So an event is one publish by one application, or one message as one consumer group handled it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from observatory.evaluate.status import STATES, ObjectiveStatus, State
from observatory.indicators.counts import Counts
from observatory.objectives.budget import allowed_events, spent_events
from observatory.spec.catalog import SliWord

NO_DOMAIN = "no domain"


class Rollup(Struct, frozen=True, kw_only=True):
    """Several objectives together.

    Attributes:
        name: The domain, the owner, or whatever they were grouped by.
        counts: Good and total of the word that is added, each measured thing once.
        allowed, spent: Error budget in events, of the same objectives.
        states: How many objectives, of any word, are in each state.
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

    def to_json(self) -> dict[str, Any]:
        """An entry of `domains`, and `estate`, of the status. Without any event ratio and budget left are null."""
        return {
            "name": self.name,
            "objectives": self.objectives,
            "states": {state: self.states[state] for state in STATES if self.states.get(state)},
            "worst": self.worst,
            "good": self.counts.good,
            "total": self.counts.total,
            "ratio": self.counts.ratio,
            "coverage": self.counts.coverage,
            "budget": {"allowed": self.allowed, "spent": self.spent, "remaining_ratio": self.remaining_ratio},
        }


def each_event_once(statuses: Iterable[ObjectiveStatus], sli: SliWord | None = None) -> list[ObjectiveStatus]:
    """Of the objectives that share a measured thing the one whose events are added; those without counts are left out.

    Args:
        sli: The only word that is taken; None takes all.
    """
    chosen: dict[str, tuple[float, float, ObjectiveStatus]] = {}
    for status in statuses:
        if status.counts is None or (sli is not None and status.objective.sli != sli):
            continue
        identity = status.measurement or status.objective.id
        rank = (status.counts.expected_seconds, status.objective.target)
        known = chosen.get(identity)
        if known is None or known[:2] < rank:
            chosen[identity] = (*rank, status)
    return [status for *_, status in chosen.values()]


def roll_up(name: str, statuses: Iterable[ObjectiveStatus], sli: SliWord | None = None) -> Rollup:
    """One roll-up of the objectives given. Ratios are never averaged: counts are added.

    Args:
        sli: The only word whose events are added; None adds all. States are told of all.
    """
    every = list(statuses)
    states: Counter[State] = Counter(status.state for status in every)
    counts, allowed, spent = Counts(), 0.0, 0.0
    for status in each_event_once(every, sli):
        assert status.counts is not None
        counts += status.counts
        allowed += allowed_events(status.counts, status.objective.target)
        spent += spent_events(status.counts)
    worst = next((state for state in STATES if states[state]), None)
    return Rollup(name=name, counts=counts, allowed=allowed, spent=spent, states=dict(states), worst=worst)


def roll_up_by(
    statuses: Iterable[ObjectiveStatus],
    key: Callable[[ObjectiveStatus], str | None],
    sli: SliWord | None = "availability",
    unnamed: str = NO_DOMAIN,
) -> tuple[Rollup, ...]:
    """Roll-ups by a key, sorted by name, those without a key under `unnamed`; events of one word, states of all."""
    groups: dict[str, list[ObjectiveStatus]] = {}
    for status in statuses:
        groups.setdefault(key(status) or unnamed, []).append(status)
    return tuple(roll_up(name, groups[name], sli) for name in sorted(groups))


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
    return roll_up("estate", statuses, sli)
