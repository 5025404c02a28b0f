"""Several objectives over time as one: burn rates and error budget of a domain, from added counts.

Counts are added, each measured thing once and by the target of the objective that `rollup` takes for it, so at the
grid's end these curves agree with `rollup` for the same objectives.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from observatory.evaluate.rolling import cumulative, trailing, window_steps
from observatory.evaluate.rollup import each_event_once
from observatory.evaluate.snapshot import Snapshot
from observatory.evaluate.status import ObjectiveStatus
from observatory.ledger.row import steps_within
from observatory.objectives.budget import budget_ratio
from observatory.sources.base import Float64, Int64
from observatory.windows import TimeRange


def _bad_and_allowed(snapshot: Snapshot, statuses: Sequence[ObjectiveStatus]) -> tuple[Float64, Float64]:
    """Per step of the grid the bad events and those that the targets allow, added over what the objectives measure."""
    bad, allowed = np.zeros(snapshot.ledger.grid.steps), np.zeros(snapshot.ledger.grid.steps)
    for one in each_event_once(statuses):
        row = snapshot.row(one.objective.id)
        if row is not None:
            bad += row.total - row.good
            allowed += row.total * budget_ratio(one.objective.target)
    return bad, allowed


def grouped_burn(snapshot: Snapshot, statuses: Sequence[ObjectiveStatus], window_seconds: float) -> Float64:
    """Burn rate of all objectives together over the trailing window at each step; NaN where nothing happened."""
    bad, allowed = _bad_and_allowed(snapshot, statuses)
    steps = window_steps(window_seconds, snapshot.ledger.grid.step_ms)
    spent, budget = np.maximum(trailing(cumulative(bad), steps), 0.0), trailing(cumulative(allowed), steps)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate: Float64 = np.where(budget > 0, spent / budget, np.nan)
    return rate


def budget_left(snapshot: Snapshot, statuses: Sequence[ObjectiveStatus], span: TimeRange) -> tuple[Int64, Float64]:
    """Ends of steps, and the share left of the budget that the span's traffic allows: from 1 down, never up.

    The denominator is the budget of the whole span, so even burning is a straight line and the last value is what
    is left at the span's end. Both arrays are empty when the span allows nothing.
    """
    grid = snapshot.ledger.grid
    first, last = steps_within(grid, span)
    bad, allowed = _bad_and_allowed(snapshot, statuses)
    total = float(allowed[first:last].sum())
    if total <= 0:
        return np.empty(0, np.int64), np.empty(0)
    ends = grid.start_ms + np.arange(first + 1, last + 1, dtype=np.int64) * grid.step_ms
    return ends, 1 - np.cumsum(np.maximum(bad[first:last], 0.0)) / total


def even_share(snapshot: Snapshot, statuses: Sequence[ObjectiveStatus]) -> float | None:
    """What even burning would have left by now: one minus the share of the calendar window that has passed.

    None unless all objectives count in one calendar window; a rolling window is always whole.
    """
    windows = {one.objective.window for one in statuses}
    if len(windows) != 1 or (window := windows.pop()).kind != "calendar":
        return None
    period = window.calendar_period(snapshot.at_ms)
    return 1 - (snapshot.at_ms - period.start_ms) / (period.end_ms - period.start_ms)
