"""From the ledger of two months to the accounts of a review. Pure: the same ledger gives the same review."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import inf

from msgspec import Struct, field

from observatory.compile.plan import Measurement
from observatory.evaluate.history import incidents
from observatory.evaluate.known_alerts import KnownAlerts
from observatory.evaluate.not_counted import NotCounted, not_counted_in
from observatory.evaluate.planned import LeftOut, Planned, left_out
from observatory.evaluate.rolling import Workspace
from observatory.evaluate.snapshot import Incident
from observatory.indicators.counts import Counts
from observatory.ledger.ledger import Ledger
from observatory.ledger.row import Row
from observatory.ledger.sums import Spans, WholeCounts
from observatory.objectives.budget import Budget, allowed_events, budget_ratio, remaining_ratio, spent_events
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Policy
from observatory.review.account import VERDICTS, Day, ObjectiveAccount, Total, Verdict, added
from observatory.review.months import Month
from observatory.windows import TimeRange

SLICE_SLIS = frozenset({"lag", "saturation", "freshness"})
"""These count slices of time; their budgets do not add up with those of messages."""


class Books(Struct, frozen=True, kw_only=True):
    """What accounts are made from: a ledger that reaches from the month before to the end of the month.

    Attributes:
        alerts: What is known of where policies fired on the grid of the ledger.
    """

    ledger: Ledger
    measurements: Mapping[str, Measurement]
    policies: Mapping[str, Policy]
    month: Month
    at_ms: int
    timezone: str | None = None
    planned: Mapping[str, Planned] = field(default_factory=dict)
    alerts: KnownAlerts
    workspace: Workspace = field(default_factory=Workspace)
    _spans: dict[tuple[TimeRange, ...], Spans] = field(default_factory=dict)

    def row(self, objective: Objective) -> Row | None:
        """The ledger row behind an objective, with everything that happened."""
        measurement = self.measurements.get(objective.id)
        return self.ledger.rows.get(measurement.key) if measurement else None

    def about(self, objective: Objective) -> Row | None:
        """The row behind an objective without its counts: how it was counted."""
        measurement = self.measurements.get(objective.id)
        return self.ledger.about(measurement.key) if measurement else None

    def counted(self, objective: Objective) -> Row | WholeCounts | None:
        """What the objective's budget counts, without planned work where it leaves it out; packed where that does."""
        planned, measurement = self.planned.get(objective.id), self.measurements.get(objective.id)
        if planned is None and measurement is not None and (whole := self.ledger.whole(measurement.key)) is not None:
            return whole
        row = self.row(objective)
        return row if row is None or planned is None else planned.counted(row)

    def zone_of(self, objective: Objective) -> str:
        """The zone asked for, else the objective's own."""
        return self.timezone or objective.window.timezone

    def counts(self, counted: Row | WholeCounts | None, spans: Sequence[TimeRange]) -> list[Counts | None]:
        """Counts of ranges up to `at_ms`; None without a row, and of a range that has not begun."""
        begun = tuple(span for span in spans if span.start_ms < self.at_ms)
        if counted is None or not begun:
            return [None] * len(spans)
        if isinstance(counted, WholeCounts):
            found = iter(counted.counts_of(self._spans_of(begun)))
        else:
            found = (counted.counts(self.ledger.grid, self.until_now(span)) for span in begun)
        return [next(found) if span.start_ms < self.at_ms else None for span in spans]

    def _spans_of(self, begun: tuple[TimeRange, ...]) -> Spans:
        """Ranges that have begun on the grid, the same for all objectives on one clock."""
        if begun not in self._spans:
            self._spans[begun] = Spans.of(self.ledger.grid, [self.until_now(span) for span in begun])
        return self._spans[begun]

    def until_now(self, span: TimeRange) -> TimeRange:
        """What of a range has happened by `at_ms`; it has begun."""
        return TimeRange(span.start_ms, min(span.end_ms, self.at_ms))

    def not_counted(self, objective: Objective, span: TimeRange, counts: Counts | None) -> NotCounted | None:
        """First values of a range that are not counted, planned work or not; None where nothing can be said of them."""
        about = self.about(objective)
        return not_counted_in(about, self.ledger.grid, span, counts) if about is not None and counts else None

    def left_out(self, objective: Objective, span: TimeRange) -> LeftOut | None:
        """Planned work in a range, and the numbers with and without it; None where there is none."""
        planned = self.planned.get(objective.id)
        row = self.row(objective) if planned is not None else None
        if row is None or span.start_ms >= self.at_ms:
            return None
        return left_out(planned, row, self.ledger.grid, self.until_now(span), objective.target)


def account(books: Books, objective: Objective) -> ObjectiveAccount:
    """One objective's month beside the month before."""
    zone = books.zone_of(objective)
    span, earlier = books.month.range_in(zone), books.month.before.range_in(zone)
    measurement, about, counted = books.measurements.get(objective.id), books.about(objective), books.counted(objective)
    dates, spans_of_days = zip(*books.month.days_in(zone), strict=True)
    counts, before, *counts_of_days = books.counts(counted, (span, earlier, *spans_of_days))
    if before is not None and before.observed_seconds == 0:
        before = None
    found = _incidents(books, objective, counted)
    days = tuple(_day(of_day, objective.target, date) for date, of_day in zip(dates, counts_of_days, strict=True))
    return ObjectiveAccount(
        objective=objective,
        range=span,
        timezone=zone,
        verdict=_verdict(measurement, counts, objective.target),
        counts=counts,
        budget=budget_of(counts, objective.target),
        incidents=_overlapping(found, span),
        counts_before=before,
        budget_before=budget_of(before, objective.target),
        incidents_before=None if before is None else len(_overlapping(found, earlier)),
        days=days,
        course=_course(days, counts, objective.target, books.at_ms, spans_of_days),
        measurement=measurement.key if measurement else None,
        counting=about.counting if about else None,
        measure=measurement.indicator.measure if measurement else None,
        profile=measurement.bindings[0].profile if measurement and measurement.bindings else None,
        proxy=measurement.indicator.proxy if measurement else False,
        not_counted=books.not_counted(objective, span, counts),
        left_out=books.left_out(objective, span),
    )


class _Spending(Struct, frozen=True):
    """What the days of an account allow and spend, which is added up for its domain and for the estate.

    Attributes:
        seen: Days of which anything was observed.
        so_far: Spent up to the end of each day.
    """

    account: ObjectiveAccount
    seen: tuple[bool, ...]
    allowed: tuple[float, ...]
    spent: tuple[float, ...]
    so_far: tuple[float, ...]

    @classmethod
    def of(cls, account: ObjectiveAccount) -> _Spending:
        spent = tuple(spent_events(day.counts) for day in account.days)
        return cls(
            account,
            tuple(day.counts.observed_seconds > 0 for day in account.days),
            tuple(allowed_events(day.counts, account.objective.target) for day in account.days),
            spent,
            tuple(accumulate(spent)),
        )


def totals(accounts: Sequence[ObjectiveAccount]) -> tuple[Total, tuple[Total, ...]]:
    """The estate, and one total per domain, the one that overspent most first; channels without a domain come last."""
    events = [_Spending.of(one) for one in accounts if one.objective.sli not in SLICE_SLIS]
    names = sorted({one.objective.domain for one in accounts}, key=lambda name: (name is None, name or ""))
    of_domains = [
        _total(
            name,
            [one for one in accounts if one.objective.domain == name],
            [one for one in events if one.account.objective.domain == name],
        )
        for name in names
    ]
    ordered = sorted(of_domains, key=lambda one: (one.name is None, -(one.spent_ratio or 0.0), one.name or ""))
    return _total(None, accounts, events), tuple(ordered)


def _total(name: str | None, accounts: Sequence[ObjectiveAccount], events: Sequence[_Spending]) -> Total:
    """Accounts added up, and of those that count messages what their days spend."""
    # Objectives that share a measurement count the same events, and these are added once: by UTC where one is judged by
    # it, else by the clock of the first.
    in_turn = sorted(accounts, key=lambda one: (one.timezone != "UTC", one.objective.id), reverse=True)
    available = {one.measurement: one for one in in_turn if one.objective.sli == "availability" and one.counts}.values()
    before = [one.incidents_before for one in accounts if one.incidents_before is not None]
    width = max((len(one.days) for one in accounts), default=0)
    return Total(
        name=name,
        objectives=len(accounts),
        kept=sum(one.verdict == "kept" for one in accounts),
        missed=sum(one.verdict == "missed" for one in accounts),
        unknown=sum(one.verdict in ("no_data", "unmapped") for one in accounts),
        availability=added([one.counts for one in available if one.counts]),
        availability_before=added([one.counts_before for one in available if one.counts_before]),
        spent_ratio=_spent([one.account.budget for one in events]),
        spent_ratio_before=_spent([one.account.budget_before for one in events]),
        incidents=sum(len(one.incidents) for one in accounts),
        incidents_before=sum(before) if before else None,
        daily_burn=tuple(_daily(events, day) for day in range(width)),
        course=_course_of(events, width),
    )


def worst_first(accounts: Sequence[ObjectiveAccount]) -> tuple[ObjectiveAccount, ...]:
    """By verdict, then by what is left of the budget, then by id."""

    def left(one: ObjectiveAccount) -> float:
        return one.budget.remaining_ratio if one.budget and one.budget.remaining_ratio is not None else 1.0

    return tuple(sorted(accounts, key=lambda one: (VERDICTS.index(one.verdict), left(one), one.objective.id)))


def budget_of(counts: Counts | None, target: float) -> Budget | None:
    """The error budget of counts; None without counts."""
    return None if counts is None else Budget.of(counts, target)


def _overlapping(incidents: tuple[Incident, ...], span: TimeRange) -> tuple[Incident, ...]:
    """Those of which any part lies in the range; incidents follow one another, and only the last may go on."""
    first = bisect_right(
        incidents, float(span.start_ms), key=lambda one: inf if one.end_ms is None else float(one.end_ms)
    )
    return incidents[first : bisect_left(incidents, span.end_ms, key=lambda one: one.start_ms)]


def _incidents(books: Books, objective: Objective, counted: Row | WholeCounts | None) -> tuple[Incident, ...]:
    policy, about, grid = books.policies.get(objective.policy), books.about(objective), books.ledger.grid
    if counted is None or about is None or policy is None:
        return ()
    if isinstance(counted, WholeCounts):
        found = books.alerts.incidents(counted, objective, policy, of_slices=about.level is not None)
        if found is not None:
            return found
    row, planned = books.row(objective), books.planned.get(objective.id)
    assert row is not None
    return incidents(planned.alerting(row) if planned else row, grid, objective, policy, books.workspace)


def _verdict(measurement: Measurement | None, counts: Counts | None, target: float) -> Verdict:
    if measurement is None:
        return "unmapped"
    if counts is None or counts.observed_seconds == 0:
        return "no_data"
    left = remaining_ratio(counts, target)
    if left is None:
        return "no_traffic"
    return "kept" if left >= 0 else "missed"


def _day(counts: Counts | None, target: float, date: str) -> Day:
    if counts is None or counts.observed_seconds == 0:
        return Day(date=date, counts=Counts(), burn_rate=None)
    ratio = counts.error_ratio
    return Day(date=date, counts=counts, burn_rate=None if ratio is None else ratio / budget_ratio(target))


def _course(
    days: Sequence[Day], counts: Counts | None, target: float, at_ms: int, spans: Sequence[TimeRange]
) -> tuple[float | None, ...]:
    allowed = allowed_events(counts, target) if counts else 0.0
    left: list[float | None] = []
    bad = 0.0
    for day, span in zip(days, spans, strict=True):
        bad += day.counts.bad
        left.append(1 - bad / allowed if allowed > 0 and span.start_ms < at_ms else None)
    return tuple(left)


def _spent(budgets: Sequence[Budget | None]) -> float | None:
    known = [budget for budget in budgets if budget is not None]
    allowed = sum(budget.allowed for budget in known)
    return sum(budget.spent for budget in known) / allowed if allowed > 0 else None


def _daily(events: Sequence[_Spending], day: int) -> float | None:
    """The burn rate of a day: bad events over allowed ones, added up."""
    seen = [one for one in events if day < len(one.seen) and one.seen[day]]
    allowed = sum(one.allowed[day] for one in seen)
    return sum(one.spent[day] for one in seen) / allowed if allowed > 0 else None


def _course_of(events: Sequence[_Spending], width: int) -> tuple[float | None, ...]:
    """Share of the joint budget that is left after each day."""
    known = [(one.account.budget.allowed, one) for one in events if one.account.budget]
    left: list[float | None] = []
    for day in range(width):
        seen = [
            (budget, one.so_far[day])
            for budget, one in known
            if day < len(one.account.course) and one.account.course[day] is not None
        ]
        allowed = sum(budget for budget, _ in seen)
        left.append(1 - sum(bad for _, bad in seen) / allowed if allowed > 0 else None)
    return tuple(left)
