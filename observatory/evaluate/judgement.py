"""From a ledger row to the status of an objective: counts of its window, budget, burn rates, state, and doubts.

States, the first that fits:

- `unmapped`: nothing measures the objective; the problem says why and what to switch on.
- `no_data`: something should measure it, but no series was found, or its source failed, or nothing was observed in
  the whole window.
- `no_traffic`: telemetry was seen, and no event.
- `breached`: more events were bad than the target allows.
- `at_risk`: a pair of the burn-rate policy fires, or less than a quarter of the budget is left.
- `meeting`: none of these.

Telemetry that was there and stopped does not change the state at once, for the window still holds what was seen;
`telemetry-stopped` says it, and burn rates of windows without telemetry are unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from observatory.compile.plan import Measurement
from observatory.compile.terms import at_most
from observatory.errors import Problem
from observatory.evaluate.forecast import exhausts_at
from observatory.evaluate.history import firing_now
from observatory.evaluate.rolling import window_steps
from observatory.evaluate.status import Budget, LevelNow, ObjectiveStatus, State
from observatory.indicators.counts import Counts
from observatory.indicators.expression import CountAtMost
from observatory.ledger.ledger import Row
from observatory.objectives.budget import allowed_events, remaining_ratio, smaller_than_one_event, spent_events
from observatory.objectives.burn import burn_rate
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Policy
from observatory.telemetry.binding import MetricBinding, SpanBinding
from observatory.units import format_duration, parse_duration
from observatory.windows import BURN_WINDOWS, Grid, TimeRange, format_instant

AT_RISK_REMAINING = 0.25
LOW_COVERAGE = 0.95
STOPPED_SECONDS = 600.0
FRESH_LEVEL_SECONDS = 600.0


def judge(
    objective: Objective,
    measured: Measurement | Problem,
    row: Row | None,
    grid: Grid,
    policy: Policy | None,
    *,
    source_failed: bool = False,
) -> ObjectiveStatus:
    """The status of one objective at the end of the grid.

    Args:
        measured: What measures it, or why nothing does.
        row: Its counts; None when its source did not answer.
        policy: None when the objective names one that does not exist; then nothing fires.
        source_failed: Its source failed in this refresh, so that recent steps may be missing.
    """
    windows = [*BURN_WINDOWS, str(objective.window)]
    unknown: dict[str, float | None] = dict.fromkeys(windows)
    empty = ObjectiveStatus(
        objective=objective,
        state="unmapped",
        counts=None,
        counting=None,
        budget=None,
        burn_rates=unknown,
    )
    if isinstance(measured, Problem):
        return replace(empty, problems=(measured,))
    known = replace(
        empty,
        state="no_data",
        measure=measured.indicator.measure,
        profile=measured.profile,
        proxy=measured.proxy,
        measurement=measured.key,
    )
    if row is None or row.series == 0:
        return replace(known, problems=tuple(_why_nothing(objective, measured, row, source_failed)))
    window = objective.window.range_at(grid.end_ms)
    part = steps_of(grid, window)
    raw = _sum(row, part, window.seconds)
    counts = Counts(min(max(raw.good, 0.0), raw.total), raw.total, raw.observed_seconds, raw.expected_seconds)
    late_ms = _edge_ms(grid, part) - window.start_ms
    known = replace(
        known,
        counting="estimated" if late_ms > 0 and row.counting == "exact" else row.counting,
        level=_level_now(objective, row, grid, part),
        recovered=row.findings.between(window),
        last_sample_ms=row.last_sample_ms,
        proxy=measured.proxy,
    )
    if counts.total <= 0 and counts.observed_seconds <= 0:
        return replace(known, problems=tuple(_why_nothing(objective, measured, row, source_failed)))
    firing = firing_now(row, grid, objective.target, policy) if policy else ()
    budget = Budget(
        allowed=allowed_events(counts, objective.target),
        spent=spent_events(counts),
        remaining_ratio=remaining_ratio(counts, objective.target),
    )
    return replace(
        known,
        state=_state(counts, objective.target, bool(firing)),
        counts=counts,
        budget=budget,
        burn_rates=_burn_rates(objective, row, grid, counts),
        exhausts_at_ms=exhausts_at(row, grid, objective),
        firing=tuple(dict.fromkeys(pair.severity for pair in firing)),
        problems=(*_edge_doubts(objective, grid, late_ms), *_doubts(objective, measured, row, grid, part, raw)),
    )


def _edge_ms(grid: Grid, part: slice) -> int:
    """Where the first step of a part begins."""
    first: int = part.start
    return grid.start_ms + first * grid.step_ms


def _edge_doubts(objective: Objective, grid: Grid, late_ms: int) -> Iterator[Problem]:
    """A window that begins inside a step is counted from the next step on, and so is not quite the one asked for."""
    if late_ms > 0:
        yield _problem(
            objective,
            "window-inside-step",
            f"the window of {objective.window} begins {format_duration(late_ms / 1000)} before the first of the steps "
            f"of {format_duration(grid.step_ms / 1000)} that are counted, which end at {format_instant(grid.end_ms)}",
            hint="ask for an instant on a full minute, or choose a window of whole minutes",
        )


def steps_of(grid: Grid, span: TimeRange) -> slice:
    """The steps of the grid that lie inside a range."""
    first = max(0, -(-(span.start_ms - grid.start_ms) // grid.step_ms))
    last = max(first, min(grid.steps, (span.end_ms - grid.start_ms) // grid.step_ms))
    return slice(first, last)


def _sum(row: Row, part: slice, seconds: float) -> Counts:
    observed = min(seconds, float(row.observed[part].sum()))
    return Counts(float(row.good[part].sum()), float(row.total[part].sum()), observed, seconds)


def _state(counts: Counts, target: float, firing: bool) -> State:
    if counts.total <= 0:
        return "no_traffic"
    left = remaining_ratio(counts, target)
    if left is not None and left < -1e-12:
        return "breached"
    if firing or (left is not None and left < AT_RISK_REMAINING):
        return "at_risk"
    return "meeting"


def _burn_rates(objective: Objective, row: Row, grid: Grid, counts: Counts) -> dict[str, float | None]:
    rates: dict[str, float | None] = {}
    for word in BURN_WINDOWS:
        part = slice(max(0, grid.steps - window_steps(parse_duration(word), grid.step_ms)), None)
        rates[word] = _rate(
            float((row.total[part] - row.good[part]).sum()),
            float(row.total[part].sum()),
            float(row.observed[part].sum()),
            objective.target,
        )
    rates[str(objective.window)] = _rate(counts.bad, counts.total, counts.observed_seconds, objective.target)
    return rates


def _rate(bad: float, total: float, observed: float, target: float) -> float | None:
    """Nothing burns without events; without telemetry it is not known whether anything does."""
    if total <= 0:
        return 0.0 if observed > 0 else None
    return burn_rate(bad, total, target)


def _level_now(objective: Objective, row: Row, grid: Grid, part: slice) -> LevelNow | None:
    if row.level is None:
        return None
    unit = objective.threshold.unit if objective.threshold else "second"
    fresh = slice(max(0, grid.steps - window_steps(FRESH_LEVEL_SECONDS, grid.step_ms)), None)
    known = np.flatnonzero(~np.isnan(row.level[fresh]))
    inside = row.level[part]
    worst = float(np.nanmax(inside)) if np.any(~np.isnan(inside)) else None
    unsure = _unsure(objective, row, part)
    if not len(known):
        return LevelNow(unit=unit, last=None, worst=worst, error=None, unsure=unsure)
    at = int(known[-1])
    error = float(row.level_error[fresh][at]) if row.level_error is not None else None
    return LevelNow(unit=unit, last=float(row.level[fresh][at]), worst=worst, error=error, unsure=unsure)


def _unsure(objective: Objective, row: Row, part: slice) -> tuple[int, int]:
    """Steps judged good that may be bad, and judged bad that may be good, for the bound lies within the error bar."""
    if row.level is None or row.level_error is None or objective.threshold is None:
        return 0, 0
    bound, level, error = objective.threshold.value, row.level[part], row.level_error[part]
    counted = row.total[part] > 0
    least = row.at_least[part] if row.at_least is not None else np.zeros(len(level), dtype=bool)
    with np.errstate(invalid="ignore"):
        may_be_bad = counted & (level <= bound) & (level + error > bound)
        may_be_good = counted & ~least & (level > bound) & (level - error <= bound)
    return int(may_be_bad.sum()), int(may_be_good.sum())


def _why_nothing(
    objective: Objective, measured: Measurement, row: Row | None, source_failed: bool
) -> Iterator[Problem]:
    if row is None or source_failed:
        sources = ", ".join(dict.fromkeys(binding.source for binding in measured.bindings if binding.source))
        yield _problem(
            objective,
            "source-unanswered",
            f"{sources or 'no source'} {'did not answer' if sources else 'answered'}, so nothing is known about "
            f"{objective.id}",
        )
        return
    profiles = ", ".join(dict.fromkeys(binding.profile for binding in measured.bindings))
    reason = measured.reason or f"no series of {profiles} in the window"
    yield _problem(
        objective,
        "series-missing",
        f"{objective.sli} of {objective.operation_key} has no data: {reason}",
        hint="observatory map shows which series are looked for and which are there",
    )


def _doubts(
    objective: Objective, measured: Measurement, row: Row, grid: Grid, part: slice, raw: Counts
) -> Iterator[Problem]:
    """What makes the numbers less sure than they look."""
    yield from _coverage_doubts(objective, measured, row, grid, part)
    if raw.good > raw.total * (1 + 1e-9) or raw.good < -1e-9 * max(raw.total, 1.0):
        yield _problem(
            objective,
            "good-exceeds-total",
            f"{raw.good:g} good of {raw.total:g} events were counted, which cannot be; the two series do not count "
            "the same messages",
            hint="observatory map shows which series are used; name the right ones with x-telemetry",
        )
    counts = Counts(min(max(raw.good, 0.0), raw.total), raw.total)
    if row.level is None and smaller_than_one_event(counts, objective.target):
        yield _problem(
            objective,
            "budget-smaller-than-one-event",
            f"with {raw.total:g} events the budget is {allowed_events(counts, objective.target):.2g} events, so one "
            "failure breaches the objective",
            severity="info",
            hint="use a longer window, a lower target, or the policy low-traffic",
        )
    if measured.proxy:
        yield _problem(
            objective,
            "proxy-used",
            f"{objective.sli} of {objective.operation_key} is not measured directly; counted instead: "
            f"{measured.indicator.measure}",
            severity="info",
        )
    yield from _threshold_doubts(objective, measured, row, part)
    yield from _counting_doubts(objective, row)
    if row.at_least is not None and row.level is not None:
        unsure = int((row.at_least[part] & (row.total[part] == 0)).sum())
        if unsure:
            yield _problem(
                objective,
                "lag-at-least",
                f"for {format_duration(unsure * grid.step_ms / 1000)} lag reaches back before the first sample, and is "
                "only known to be longer than that",
                severity="info",
            )


def _coverage_doubts(
    objective: Objective, measured: Measurement, row: Row, grid: Grid, part: slice
) -> Iterator[Problem]:
    observed = row.observed[part]
    by_spans = any(isinstance(binding, SpanBinding) for binding in measured.bindings)
    seen = np.flatnonzero(observed > 0)
    if not len(seen):
        return
    step = grid.step_ms / 1000
    late = int(seen[0]) / len(observed)
    since_ms = grid.start_ms + (part.start + int(seen[0])) * grid.step_ms
    if late > 1 - LOW_COVERAGE:
        yield _problem(
            objective,
            "history-short",
            f"telemetry begins at {format_instant(since_ms)}, so the window of {objective.window} is not full",
            severity="info",
            hint="the numbers cover what there is; check the server's retention if it should reach further back",
        )
    stopped = len(observed) - 1 - int(seen[-1])
    until = int(seen[-1]) + 1
    if stopped * step >= STOPPED_SECONDS:
        until_ms = grid.start_ms + (part.start + until) * grid.step_ms
        yield _problem(
            objective,
            "telemetry-stopped",
            f"nothing was seen since {format_instant(until_ms)}, {format_duration(stopped * step)} ago",
            hint="check that spans still arrive, and that their destination has not changed"
            if by_spans
            else "check that the target is scraped and that its labels have not changed",
        )
    inner = observed[int(seen[0]) : until]
    coverage = float(inner.sum()) / (len(inner) * step)
    if coverage < LOW_COVERAGE:
        survives = not by_spans and row.level is None
        within = "counted where counters survived" if survives else "not known"
        yield _problem(
            objective,
            "coverage-low",
            f"only {coverage:.1%} of the time was seen; what happened in the gaps is {within}",
        )


def _counting_doubts(objective: Objective, row: Row) -> Iterator[Problem]:
    if row.counting == "pushdown":
        yield _problem(
            objective,
            "counted-by-server",
            "there are too many samples to be read, so the server counted in steps of 5m: as much of the events at "
            "either edge of a window may belong to the neighbouring one, and what counters counted in longer gaps is "
            "missing",
            severity="info",
            hint="narrow the source with labels, or record the sums of these series on the server",
        )


def _threshold_doubts(objective: Objective, measured: Measurement, row: Row, part: slice) -> Iterator[Problem]:
    good = measured.indicator.good
    if row.upper is None or not isinstance(good, CountAtMost) or not (row.upper[part] > row.good[part]).any():
        return
    binding = measured.binding(good.signal)
    if not isinstance(binding, MetricBinding):
        return
    buckets = at_most(binding, good.bound)
    bounds = [format_duration(one) for one in (buckets.lower_bound, buckets.upper_bound) if one is not None]
    where = f"between the buckets of {' and '.join(bounds)}" if len(bounds) == 2 else "outside the finite buckets"
    if buckets.exact:
        where = "on a boundary that the histogram did not have all the time"
    total = float(row.total[part].sum())
    share = (
        f", so the share lies between {row.good[part].sum() / total:.4%} and {row.upper[part].sum() / total:.4%}, and "
        "the lower one counts"
        if total > 0
        else ""
    )
    yield _problem(
        objective,
        "threshold-between-buckets",
        f"the threshold of {format_duration(good.bound)} lies {where}{share}",
        hint="choose a bucket boundary as the threshold, or add one to the histogram",
    )


def _problem(
    objective: Objective, code: str, message: str, *, severity: str = "warning", hint: str | None = None
) -> Problem:
    return Problem(
        code=code,
        severity="info" if severity == "info" else "warning",
        message=message,
        hint=hint,
        location=objective.location,
        subject=objective.id,
    )
