"""Objectives set against their windows before: one by one, by domain, all together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from observatory.evaluate.before import DAY_MS, Before, Reach, reach_of
from observatory.evaluate.rollup import NO_DOMAIN, Rollup, roll_up
from observatory.evaluate.status import ObjectiveStatus, State
from observatory.objectives.budget import Budget
from observatory.objectives.objective import Objective
from observatory.spec.catalog import SliWord

ENOUGH = 0.5
"""Share of the window before that was seen from which it is set against the present one."""


def as_before(one: ObjectiveStatus) -> ObjectiveStatus:
    """An objective as it stood at the end of the window before, as far as counts tell: no burn rates, no alerts.

    Its state is `breached`, `meeting`, `no_traffic`, or `no_data` where nothing was seen or it was not counted.
    """
    found = one.before
    nothing = replace(
        one,
        state="no_data",
        counts=None,
        budget=None,
        burn_rates=dict.fromkeys(one.burn_rates),
        exhausts_at_ms=None,
        outlook=None,
        firing=(),
        level=None,
        not_counted=None,
        left_out=None,
        last_sample_ms=None,
        problems=(),
    )
    if found is None or (found.reach == "none" and one.counts is None):
        # Nothing in either window: it is no part of what is set against each other.
        return nothing
    budget = found.budget(one.objective.target)
    return replace(nothing, state=_state(one.objective, found, budget), counts=found.counts, budget=budget)


def _state(objective: Objective, found: Before, budget: Budget | None) -> State:
    if budget is None:
        return "no_data"
    if budget.remaining_ratio is None or found.counts.total < objective.min_events:
        return "no_traffic"
    return "breached" if budget.remaining_ratio < -1e-12 else "meeting"


class Trend(Struct, frozen=True, kw_only=True):
    """Objectives together, in their present windows and in those before.

    Attributes:
        now, before: Roll-ups of the same objectives; what was not counted before is no data there.
        since_ms: The first instant that was counted of any window before; None where none was.
        gap_ms: From the start of the earliest window before to that instant.
    """

    name: str
    now: Rollup
    before: Rollup
    since_ms: int | None
    gap_ms: int

    @property
    def reach(self) -> Reach:
        """How much was seen of the windows before."""
        return reach_of(self.before.counts)

    @property
    def began_late(self) -> bool:
        """Whether telemetry begins a day or more after the windows before do."""
        return self.since_ms is not None and self.gap_ms >= DAY_MS

    @property
    def is_comparable(self) -> bool:
        """Events in both windows, and half of the one before was seen."""
        enough = (self.before.counts.coverage or 0.0) >= ENOUGH
        return enough and self.now.counts.ratio is not None and self.before.counts.ratio is not None

    @property
    def ratio_change(self) -> float | None:
        """Share of good events, now less before; None where they are not set against each other."""
        now, before = self.now.counts.ratio, self.before.counts.ratio
        return now - before if self.is_comparable and now is not None and before is not None else None

    @property
    def budget_change(self) -> float | None:
        """Share of the budget left, now less before; None where they are not set against each other."""
        now, before = self.now.remaining_ratio, self.before.remaining_ratio
        return now - before if self.is_comparable and now is not None and before is not None else None


def trend(name: str, statuses: Iterable[ObjectiveStatus], sli: SliWord | None = "availability") -> Trend:
    """Objectives now and before. Events of one word are added, or of all where it is None; states are told of all."""
    every = list(statuses)
    earlier = [as_before(one) for one in every]
    told = [one.before for one in every if one.before is not None and (sli is None or one.objective.sli == sli)]
    since = min((one.since_ms for one in told if one.since_ms is not None), default=None)
    start = min((one.span.start_ms for one in told), default=0)
    return Trend(
        name=name,
        now=roll_up(name, every, sli),
        before=roll_up(name, earlier, sli),
        since_ms=since,
        gap_ms=0 if since is None else since - start,
    )


def trends_by_domain(statuses: Iterable[ObjectiveStatus]) -> tuple[Trend, ...]:
    """One per domain, by name; those without one under `NO_DOMAIN`."""
    groups: dict[str, list[ObjectiveStatus]] = {}
    for one in statuses:
        groups.setdefault(one.objective.domain or NO_DOMAIN, []).append(one)
    return tuple(trend(name, groups[name]) for name in sorted(groups))


def judged(whole: Rollup) -> int:
    """Objectives of which it is known whether they were met."""
    return whole.objectives - sum(whole.states.get(state, 0) for state in ("no_data", "no_traffic", "unmapped"))


def with_before(statuses: tuple[ObjectiveStatus, ...], found: Mapping[str, Before]) -> tuple[ObjectiveStatus, ...]:
    """Objectives with what is known of their windows before, by id."""
    return tuple(replace(one, before=found.get(one.objective.id)) for one in statuses)
