"""What an objective did over time: burn rates, budget left, incidents, days. All from one ledger row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.evaluate.rolling import Workspace, cumulative, trailing, window_steps
from observatory.evaluate.snapshot import Incident
from observatory.indicators.counts import Counts
from observatory.ledger.row import Row
from observatory.objectives.budget import budget_ratio
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Pair, Policy
from observatory.sources.base import Float64
from observatory.windows import Grid, TimeRange, Window

JOIN_SECONDS = 600.0
"""Alerts of one objective that are quieter than this in between are one incident."""


def burn_history(row: Row, grid: Grid, target: float, window_seconds: float) -> Float64:
    """Burn rate over the trailing window at the end of each step; NaN where the window holds no events.

    Windows that reach further back than the grid hold what the grid has.
    """
    return burn_histories(row, grid, target, (window_seconds,))[window_seconds]


def burn_cells(row: Row, grid: Grid, target: float, cells: int, cell_seconds: float) -> tuple[float, ...]:
    """Burn rate of each of the last `cells` spans of equal length, oldest first; NaN where a span holds no events.

    The same numbers as `burn_history` over a window of one span, taken at the end of each; what is not shown is
    not summed. The oldest span holds what the grid has of it, and spans before the grid are NaN.
    """
    width = window_steps(cell_seconds, grid.step_ms)
    shown = min(grid.steps, cells * width)
    short = cells * width - shown
    total = np.concatenate([np.zeros(short), row.total[grid.steps - shown :]]).reshape(cells, width).sum(axis=1)
    good = np.concatenate([np.zeros(short), row.good[grid.steps - shown :]]).reshape(cells, width).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.where(total > 0, np.maximum(total - good, 0.0) / (total * budget_ratio(target)), np.nan)
    return tuple(rates.tolist())


def burn_histories(
    row: Row, grid: Grid, target: float, windows: Sequence[float], workspace: Workspace | None = None
) -> dict[float, Float64]:
    """By window in seconds what `burn_history` says of it; the sums are run once for all of them.

    Args:
        workspace: Shared by the rows of a caller that looks at many.
    """
    steps = [window_steps(seconds, grid.step_ms) for seconds in windows]
    rates = (workspace or Workspace()).burn_rates(grid.steps, steps)
    lines = rates.of(row.good, row.total, target, np.empty((len(windows), grid.steps)))
    np.maximum(lines, 0.0, out=lines)
    return dict(zip(windows, lines, strict=True))


def budget_history(row: Row, grid: Grid, target: float, window: Window) -> Float64:
    """Share of the error budget left at the end of each step, 1 untouched, negative overspent; NaN without events.

    A rolling window looks back from each step; a calendar window starts anew with each of its units.
    """
    bad, total = cumulative(row.total - row.good), cumulative(row.total)
    if window.kind == "rolling":
        steps = window_steps(window.length_seconds, grid.step_ms)
        spent, events = trailing(bad, steps), trailing(total, steps)
    else:
        first = _period_starts(grid, window)
        spent, events = bad[1:] - bad[first], total[1:] - total[first]
    with np.errstate(divide="ignore", invalid="ignore"):
        left: Float64 = np.where(events > 0, 1 - np.maximum(spent, 0.0) / (events * budget_ratio(target)), np.nan)
    return left


def _period_starts(grid: Grid, window: Window) -> NDArray[np.int64]:
    """For each step the index of the step at which its calendar unit began."""
    first = np.zeros(grid.steps, dtype=np.int64)
    index = 0
    while index < grid.steps:
        period = window.calendar_period(grid.start_ms + (index + 1) * grid.step_ms)
        start = max(0, -(-(period.start_ms - grid.start_ms) // grid.step_ms))
        end = min(grid.steps, max(index + 1, (period.end_ms - grid.start_ms) // grid.step_ms))
        first[index:end] = min(start, index)
        index = end
    return first


def firing_steps(row: Row, grid: Grid, pair: Pair, rates: Mapping[float, Float64]) -> NDArray[np.bool_]:
    """Whether a pair fires at the end of each step: both windows burn faster than its factor, on enough bad events.

    Args:
        rates: Burn rates by window in seconds, the pair's two among them; NaN, where nothing happened, never fires.
    """
    fires: NDArray[np.bool_] = (rates[pair.long] > pair.factor) & (rates[pair.short] > pair.factor)
    least = min_bad_events(pair, row)
    if least > 0 and fires.any():
        fires &= trailing(cumulative(row.total - row.good), window_steps(pair.long, grid.step_ms)) >= least
    return fires


def min_bad_events(pair: Pair, row: Row) -> float:
    """The pair's minimum of bad events; for slices of time, where each step is one event, it is not asked for."""
    return 0.0 if row.level is not None else pair.min_bad


def firing_now(row: Row, grid: Grid, target: float, policy: Policy) -> tuple[Pair, ...]:
    """Pairs that fire at the end of the grid."""
    return tuple(pair for pair in policy.pairs if _fires_at_end(row, grid, target, pair))


def _fires_at_end(row: Row, grid: Grid, target: float, pair: Pair) -> bool:
    allowed = budget_ratio(target) * pair.factor
    for seconds in (pair.long, pair.short):
        part = slice(-window_steps(seconds, grid.step_ms), None)
        total = float(row.total[part].sum())
        if not total - float(row.good[part].sum()) > allowed * total:
            return False
    part = slice(-window_steps(pair.long, grid.step_ms), None)
    return float((row.total[part] - row.good[part]).sum()) >= min_bad_events(pair, row)


def incidents(
    row: Row, grid: Grid, objective: Objective, policy: Policy, workspace: Workspace | None = None
) -> tuple[Incident, ...]:
    """Spans in which at least one pair fired, oldest first; those that lie within ten minutes are one.

    An incident starts at the end of the step in which a pair began to fire and ends with the last step in which one
    did; one that fires in the grid's last step has no end. `bad` counts events from the start on.

    Args:
        workspace: Shared by the rows of a caller that looks at many.
    """
    pairs = _pairs_that_may_fire(row, grid, objective.target, policy)
    if not pairs:
        return ()
    any_fires = np.zeros(grid.steps, dtype=bool)
    pages = np.zeros(grid.steps, dtype=bool)
    peak = np.zeros(grid.steps)
    windows = tuple(dict.fromkeys(seconds for pair in pairs for seconds in (pair.long, pair.short)))
    rates = burn_histories(row, grid, objective.target, windows, workspace)
    for pair in pairs:
        fires = firing_steps(row, grid, pair, rates)
        if not fires.any():
            continue
        any_fires |= fires
        pages |= fires if pair.severity == "page" else False
        peak = np.where(fires, np.fmax(peak, rates[pair.long]), peak)
    where = np.flatnonzero(any_fires)

    def bad(first: NDArray[np.intp], last: NDArray[np.intp]) -> list[float]:
        parts = (slice(begin, end + 1) for begin, end in zip(first.tolist(), last.tolist(), strict=True))
        return [float((row.total[part] - row.good[part]).sum()) for part in parts]

    return joined_incidents((where, where), pages[where], peak[where], bad, grid, objective)


def joined_incidents(
    spans: tuple[NDArray[np.intp], NDArray[np.intp]],
    pages: NDArray[np.bool_],
    peak: Float64,
    bad: Callable[[NDArray[np.intp], NDArray[np.intp]], list[float]],
    grid: Grid,
    objective: Objective,
) -> tuple[Incident, ...]:
    """Incidents from spans of steps in which something fires, whether any of it pages, and how fast it burns at most.

    Args:
        spans: The first and the last step of each, which may be the same; ascending. Others are of the same length.
        bad: Bad events from the first steps of some spans to the last steps of as many, all of them included.
    """
    if not len(spans[0]):
        return ()
    begins, ends = joints(*spans, grid.step_ms)
    firsts, lasts = spans[0][begins], spans[1][ends]
    severities = ["page" if once else "ticket" for once in np.logical_or.reduceat(pages, begins).tolist()]
    start_ms = (grid.start_ms + (firsts + 1) * grid.step_ms).tolist()
    end_ms = (grid.start_ms + (lasts + 1) * grid.step_ms).tolist()
    if lasts[-1] == grid.steps - 1:
        end_ms[-1] = None
    peaks = np.maximum.reduceat(peak, begins).tolist()
    failed = [max(0.0, one) for one in bad(firsts, lasts)]
    return tuple(map(Incident, repeat(objective.id), severities, start_ms, end_ms, peaks, failed))


def joints(
    firsts: NDArray[np.intp], lasts: NDArray[np.intp], step_ms: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which spans of steps are one: of each that they come to, the place of its first span and of its last.

    Args:
        firsts, lasts: The first and the last step of each span, ascending; at least one.
    """
    breaks = np.flatnonzero(firsts[1:] - lasts[:-1] > window_steps(JOIN_SECONDS, step_ms) + 1)
    return np.concatenate(([0], breaks + 1)), np.append(breaks, len(firsts) - 1)


def _pairs_that_may_fire(row: Row, grid: Grid, target: float, policy: Policy) -> tuple[Pair, ...]:
    """Pairs whose long window burns fast enough at any time: mostly none, and then no burn rate has to be known."""
    bad, total = cumulative(row.total - row.good), cumulative(row.total)
    budget, found = budget_ratio(target), []
    for pair in policy.pairs:
        steps = window_steps(pair.long, grid.step_ms)
        allowed = trailing(total, steps)
        # A little less than it takes, so that rounding never leaves out a pair that fires.
        allowed *= budget * pair.factor * (1 - 1e-9)
        if (trailing(bad, steps) > allowed).any():
            found.append(pair)
    return tuple(found)


class Day(Struct, frozen=True):
    """One local day, cut at the grid's ends, and its counts."""

    date: str
    range: TimeRange
    counts: Counts


def days(row: Row, grid: Grid, timezone: str = "UTC") -> tuple[Day, ...]:
    """Counts per calendar day in a time zone, oldest first. Days are cut at step edges."""
    zone = ZoneInfo(timezone)
    found: list[Day] = []
    begin_ms = grid.start_ms
    while begin_ms < grid.end_ms:
        local = datetime.fromtimestamp(begin_ms / 1000, UTC).astimezone(zone)
        # Midnight is found on the wall clock, so that days with a clock change have 23 or 25 hours.
        midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), zone)
        wanted_ms = round(midnight.timestamp() * 1000)
        steps = max(1, (wanted_ms - begin_ms) // grid.step_ms)
        end_ms = min(grid.end_ms, begin_ms + steps * grid.step_ms)
        if end_ms < wanted_ms and end_ms + grid.step_ms <= grid.end_ms:
            end_ms += grid.step_ms
        span = TimeRange(begin_ms, end_ms)
        found.append(Day(local.date().isoformat(), span, counts_between(row, grid, span)))
        begin_ms = end_ms
    return tuple(found)


def counts_between(row: Row, grid: Grid, span: TimeRange) -> Counts:
    """Counts of a range whose ends lie on step edges; what lies outside the grid was not observed."""
    found = row.counts(grid, span)
    good = min(max(found.good, 0.0), found.total)
    return Counts(good, found.total, found.observed_seconds, found.expected_seconds)
