"""When the error budget ends, if events and failures go on as in the last hour."""

from __future__ import annotations

import numpy as np

from observatory.evaluate.rolling import window_steps
from observatory.ledger.ledger import Row
from observatory.objectives.budget import budget_ratio
from observatory.objectives.objective import Objective
from observatory.windows import Grid

PRESENT_SECONDS = 3600.0
STEPS_AT_ONCE = 4096


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
    good, total = row.good[-width:], row.total[-width:]
    events = float(total.sum())
    allowed = budget_ratio(objective.target)
    left = allowed * events - (events - float(good.sum()))
    if left < 0:
        return None
    # What the budget loses a step at this pace; a rolling window gives back what its oldest step took.
    loss = bad_pace - allowed * total_pace
    dust = -1e-9 * allowed * max(events, 1.0)
    if objective.window.kind == "calendar":
        ahead = int((objective.window.calendar_period(grid.end_ms).end_ms - grid.end_ms) // grid.step_ms)
        first = int((left - dust) // loss) + 1 if loss > 0 else ahead + 1
        return grid.end_ms + first * grid.step_ms if first <= ahead else None
    for begin in range(0, width, STEPS_AT_ONCE):
        part = slice(begin, min(begin + STEPS_AT_ONCE, width))
        given_back = np.cumsum((1 - allowed) * total[part] - good[part])
        course = left + given_back - loss * np.arange(begin + 1, part.stop + 1)
        over = course < dust
        if over.any():
            return grid.end_ms + (begin + int(over.argmax()) + 1) * grid.step_ms
        left += float(given_back[-1])
    return None
