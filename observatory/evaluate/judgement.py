"""From a ledger row to the status of an objective: counts of its window, budget, burn rates, state, and doubts.

States, the first that fits:

- `unmapped`: nothing measures the objective; the problem says why and what to switch on.
- `no_data`: something should measure it, but no series was found, or its source failed, or nothing was observed in
  the whole window.
- `no_traffic`: telemetry was seen, and no event, or fewer than the objective's `min_events`: too few to judge, so
  no alert fires either; the numbers are shown all the same.
- `breached`: more events were bad than the target allows.
- `at_risk`: a pair of the burn-rate policy fires, or less than a quarter of the budget is left.
- `meeting`: none of these.

Planned work (`planned.py`) fires no alert. Where the objective says so, its steps are taken out of all numbers too.

Telemetry that was there and stopped does not change the state at once, for the window still holds what was seen;
`telemetry-stopped` says it, and burn rates of windows without telemetry are unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from observatory.compile.plan import Measurement
from observatory.errors import Problem
from observatory.evaluate.doubts import (
    all_is_planned,
    doubts,
    edge_doubts,
    first_value_doubts,
    planned_doubts,
    why_nothing,
)
from observatory.evaluate.history import firing_now
from observatory.evaluate.not_counted import not_counted_in
from observatory.evaluate.planned import LeftOut, Planned, left_out
from observatory.evaluate.reckoning import Reckoned, rate, reckon, steps_of
from observatory.evaluate.rolling import window_steps
from observatory.evaluate.status import LevelNow, ObjectiveStatus, State
from observatory.indicators.counts import Counts
from observatory.ledger.row import Row
from observatory.objectives.budget import Budget
from observatory.objectives.objective import Objective
from observatory.objectives.policy import AlertSeverity, Policy
from observatory.windows import BURN_WINDOWS, Grid, TimeRange, Window

AT_RISK_REMAINING = 0.25
FRESH_LEVEL_SECONDS = 600.0


def judge(
    objective: Objective,
    measured: Measurement | Problem,
    row: Row | None,
    grid: Grid,
    policy: Policy | None,
    *,
    source_failed: bool = False,
    planned: Planned | None = None,
    reckoned: Reckoned | None = None,
) -> ObjectiveStatus:
    """The status of one objective at the end of the grid.

    Args:
        measured: What measures it, or why nothing does.
        row: Its counts; None when its source did not answer.
        policy: None when the objective names one that does not exist; then nothing fires.
        source_failed: Its source failed in this refresh, so that recent steps may be missing.
        planned: Planned work that concerns it, on the same grid; None where there is none or it is refused.
        reckoned: What its counts come to, where that is known; `row` may then be without its counts.
    """
    if isinstance(measured, Problem):
        return _status(objective, None, state="unmapped", problems=(measured,))
    if row is None or row.series == 0:
        why = why_nothing(objective, measured, row, source_failed)
        return _status(objective, measured, problems=tuple(why))
    window, part, late_ms = _asked(objective.window, grid)
    counted = planned.counted(row) if planned else row
    found = reckoned or reckon(counted, planned.alerting(row) if planned else row, grid, objective, policy)
    raw = found.counts
    counts = Counts(min(max(raw.good, 0.0), raw.total), raw.total, raw.observed_seconds, raw.expected_seconds)
    left_out = _left_out(objective, row, grid, policy, planned, [pair.severity for pair in found.firing])
    missing = not_counted_in(counted, grid, window, counts)
    known = {
        "counting": "estimated" if late_ms > 0 and row.counting == "exact" else row.counting,
        "level": _level_now(objective, row, counted, grid, part),
        "recovered": row.findings.between(window),
        "not_counted": missing,
        "last_sample_ms": row.last_sample_ms,
        "left_out": left_out,
    }
    if counts.total <= 0 and counts.observed_seconds <= 0:
        unplanned = why_nothing(objective, measured, row, source_failed)
        why = all_is_planned(objective) if counts.expected_seconds <= 0 else unplanned
        return _status(objective, measured, problems=tuple(why), **known)
    too_few = counts.total < objective.min_events
    firing = () if too_few else found.firing
    budget = Budget.of(counts, objective.target)
    seen = planned.seen(row, grid) if planned else row
    return _status(
        objective,
        measured,
        state="no_traffic" if too_few else _state(counts, budget, bool(firing)),
        counts=counts,
        budget=budget,
        burn_rates={
            **found.burn_rates,
            _word(objective.window): rate(counts.bad, counts.total, counts.observed_seconds, objective.target),
        },
        exhausts_at_ms=found.exhausts_at_ms,
        outlook=found.outlook,
        firing=tuple(dict.fromkeys(pair.severity for pair in firing)),
        problems=(
            *edge_doubts(objective, grid, late_ms),
            *planned_doubts(objective, left_out),
            *doubts(objective, measured, seen, grid, part, raw, found.seen),
            *first_value_doubts(objective, counts, missing),
        ),
        **known,
    )


def _status(objective: Objective, measured: Measurement | None, **told: Any) -> ObjectiveStatus:
    """What is told of an objective; of what is not told nothing is known."""
    nothing: dict[str, Any] = {"state": "no_data", "counts": None, "counting": None, "budget": None}
    if "burn_rates" not in told:
        nothing["burn_rates"] = dict.fromkeys([*BURN_WINDOWS, _word(objective.window)])
    if measured is not None:
        nothing |= {
            "measure": measured.indicator.measure,
            "profile": measured.profile,
            "proxy": measured.proxy,
            "measurement": measured.key,
        }
    return ObjectiveStatus(objective=objective, **(nothing | told))


@lru_cache(maxsize=256)
def _asked(window: Window, grid: Grid) -> tuple[TimeRange, slice, int]:
    """Of a window on a grid what it covers, its steps, and how long before the first of them it begins."""
    span = window.range_at(grid.end_ms)
    part = steps_of(grid, span)
    first: int = part.start
    return span, part, grid.start_ms + first * grid.step_ms - span.start_ms


@lru_cache(maxsize=256)
def _word(window: Window) -> str:
    return str(window)


def _left_out(
    objective: Objective,
    row: Row,
    grid: Grid,
    policy: Policy | None,
    planned: Planned | None,
    fires: Sequence[AlertSeverity],
) -> LeftOut | None:
    if planned is None:
        return None
    would = firing_now(row, grid, objective.target, policy) if policy else ()
    silenced = tuple(dict.fromkeys(pair.severity for pair in would if pair.severity not in fires))
    return left_out(planned, row, grid, objective.window.range_at(grid.end_ms), objective.target, silenced)


def _state(counts: Counts, budget: Budget, firing: bool) -> State:
    if counts.total <= 0:
        return "no_traffic"
    left = budget.remaining_ratio
    if left is not None and left < -1e-12:
        return "breached"
    if firing or (left is not None and left < AT_RISK_REMAINING):
        return "at_risk"
    return "meeting"


def _level_now(objective: Objective, row: Row, counted: Row, grid: Grid, part: slice) -> LevelNow | None:
    if row.level is None:
        return None
    unit = objective.threshold.unit if objective.threshold else "second"
    fresh = slice(max(0, grid.steps - window_steps(FRESH_LEVEL_SECONDS, grid.step_ms)), None)
    known = np.flatnonzero(~np.isnan(row.level[fresh]))
    inside = row.level[part]
    worst = float(np.nanmax(inside)) if np.any(~np.isnan(inside)) else None
    unsure = _unsure(objective, counted, part)
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
