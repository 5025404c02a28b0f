"""The window before: what an objective counted in the window that ended where its present one begins.

Counts travel, so what a domain did before is added up like what it does now. Telemetry that does not reach that far
back is a state with its coverage, and the instant from which it was counted; it is never nought and never all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from observatory.evaluate.rollup import NO_DOMAIN, Rollup, roll_up
from observatory.evaluate.status import Budget, ObjectiveStatus, State
from observatory.indicators.counts import Counts
from observatory.objectives.budget import allowed_events, remaining_ratio, spent_events
from observatory.objectives.objective import Objective
from observatory.spec.catalog import SliWord
from observatory.windows import TimeRange, Window, format_instant

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
ENOUGH = 0.5
"""Share of the window before that was seen from which it is set against the present one."""
WHOLE = 0.99
"""Share from which nothing is said of what was not seen: a scrape that failed is no other month."""
Reach = Literal["whole", "partial", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """An objective in the window before its present one.

    Attributes:
        span: The window, (start, end]; planned work inside it is left out of the counts where the objective says so.
        counts: Nothing observed where telemetry does not reach so far back.
        since_ms: The end of the first step that was seen; None where none was.
    """

    span: TimeRange
    counts: Counts
    since_ms: int | None = None

    @property
    def reach(self) -> Reach:
        """How much of the window was seen."""
        return reach_of(self.counts)

    def budget(self, target: float) -> Budget | None:
        """The error budget of that window; None where nothing was seen of it."""
        if self.reach == "none":
            return None
        allowed, spent = allowed_events(self.counts, target), spent_events(self.counts)
        return Budget(allowed=allowed, spent=spent, remaining_ratio=remaining_ratio(self.counts, target))

    def to_json(self, target: float) -> dict[str, Any]:
        """The `before` object of an objective; counts are null where nothing was seen."""
        known = self.reach != "none"
        budget = self.budget(target)
        return {
            "start": format_instant(self.span.start_ms),
            "end": format_instant(self.span.end_ms),
            "reach": self.reach,
            "counted_since": format_instant(self.since_ms),
            "good": self.counts.good if known else None,
            "total": self.counts.total if known else None,
            "coverage": self.counts.coverage,
            "ratio": self.counts.ratio,
            "budget": budget.to_json() if budget else None,
        }


def reach_of(counts: Counts) -> Reach:
    """How much of the time was seen: all but what single scrapes miss, some of it, nothing."""
    if counts.observed_seconds <= 0:
        return "none"
    return "whole" if (counts.coverage or 0.0) >= WHOLE else "partial"


def span_before(window: Window, at_ms: int) -> TimeRange:
    """The window before the one that holds an instant.

    Of a rolling window it is as long, and ends where that one begins; of a day or more on the last full hour before
    that, so that it is counted once an hour. Of a calendar window it is the whole unit before.
    """
    start_ms = window.range_at(at_ms).start_ms
    if window.kind == "calendar":
        return window.calendar_period(start_ms)
    length_ms = round(window.length_seconds * 1000)
    end_ms = start_ms - start_ms % HOUR_MS if length_ms >= DAY_MS else start_ms
    return TimeRange(end_ms - length_ms, end_ms)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
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
