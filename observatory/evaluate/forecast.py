"""When the error budget ends, if events and failures go on as in the last hour."""

from __future__ import annotations

import numpy as np

from observatory.evaluate.rolling import window_steps
from observatory.ledger.ledger import Row
from observatory.objectives.budget import budget_ratio
from observatory.objectives.objective import Objective
from observatory.windows import Grid

PRESENT_SECONDS = 3600.0


def exhausts_at(row: Row, grid: Grid, objective: Objective) -> int | None:
    """The instant in milliseconds at which bad events reach what the target allows; None when they do not.

    The present pace is that of the last hour. A rolling window loses its oldest steps while time goes on, so a spent
    budget may come back as fast as it goes: the answer looks ahead over one window, step by step. A calendar window
    loses nothing and ends with its unit. A budget that is spent already gives None.
    """
    recent = slice(-window_steps(PRESENT_SECONDS, grid.step_ms), None)
    steps = min(grid.steps, window_steps(PRESENT_SECONDS, grid.step_ms))
    if row.excluded is not None:
        steps -= int(row.excluded[recent].sum())
    if steps <= 0:
        return None
    total_pace = float(row.total[recent].sum()) / steps
    bad_pace = max(0.0, float((row.total[recent] - row.good[recent]).sum())) / steps
    if bad_pace <= 0:
        return None
    window = objective.window.range_at(grid.end_ms)
    width = min(grid.steps, max(1, round((window.end_ms - window.start_ms) / grid.step_ms)))
    bad, total = (row.total - row.good)[-width:], row.total[-width:]
    if objective.window.kind == "rolling":
        ahead = width
        lost_bad, lost_total = np.cumsum(bad), np.cumsum(total)
    else:
        ahead = int((objective.window.calendar_period(grid.end_ms).end_ms - grid.end_ms) // grid.step_ms)
        lost_bad = lost_total = np.zeros(ahead)
    if ahead <= 0:
        return None
    allowed = budget_ratio(objective.target)
    if float(bad.sum()) > allowed * float(total.sum()):
        return None
    later = np.arange(1, ahead + 1)
    spent = float(bad.sum()) - lost_bad[:ahead] + bad_pace * later
    events = float(total.sum()) - lost_total[:ahead] + total_pace * later
    over = np.flatnonzero(spent > allowed * events * (1 + 1e-12))
    return grid.end_ms + int(over[0] + 1) * grid.step_ms if len(over) else None
