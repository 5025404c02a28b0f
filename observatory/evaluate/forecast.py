"""When the error budget ends, if events and failures go on as in the last hour."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from observatory.evaluate.rolling import window_steps
from observatory.ledger.row import Row
from observatory.objectives.budget import budget_ratio
from observatory.objectives.objective import Objective
from observatory.sources.base import Float64
from observatory.windows import Grid, Window

PRESENT_SECONDS = 3600.0
STEPS_AT_ONCE = 4096


def exhausts_at(row: Row, grid: Grid, objective: Objective) -> int | None:
    """The instant in milliseconds at which bad events reach what the target allows; None when they do not.

    The present pace is that of the last hour. A rolling window loses its oldest steps while time goes on, so a spent
    budget may come back as fast as it goes: the answer looks ahead over one window, step by step. A calendar window
    loses nothing and ends with its unit. A budget that is spent already gives None.
    """
    recent = slice(grid.steps - present_steps(grid), grid.steps)
    steps = present_steps(grid) if row.excluded is None else int((~row.excluded[recent]).sum())
    if steps <= 0:
        return None
    first = grid.steps - width_of(grid, objective.window)
    events = float(row.total[first:].sum())
    pace = Pace.of(
        target=objective.target,
        bad=max(0.0, float((row.total[recent] - row.good[recent]).sum())) / steps,
        total=float(row.total[recent].sum()) / steps,
        spent=events - float(row.good[first:].sum()),
        events=events,
    )
    if pace is None:
        return None
    if objective.window.kind == "calendar":
        return pace.ends_in_unit(grid, objective)

    bad = total = 0.0
    for begin in range(first, grid.steps, STEPS_AT_ONCE):
        part = slice(begin, min(begin + STEPS_AT_ONCE, grid.steps))
        failed, events_lost = np.cumsum(row.total[part] - row.good[part]) + bad, np.cumsum(row.total[part]) + total
        if (after := pace.steps_until_spent(failed, events_lost, begin - first)) is not None:
            return grid.end_ms + after * grid.step_ms
        bad, total = float(failed[-1]), float(events_lost[-1])
    return None


def present_steps(grid: Grid) -> int:
    """How many of the last steps tell the present pace."""
    return min(grid.steps, window_steps(PRESENT_SECONDS, grid.step_ms))


def width_of(grid: Grid, window: Window) -> int:
    """How many steps of the grid lie in a window that ends with it, one at least."""
    span = window.range_at(grid.end_ms)
    return min(grid.steps, max(1, round((span.end_ms - span.start_ms) / grid.step_ms)))


class Pace(Struct, frozen=True):
    """A budget that is not spent yet, and how fast it goes.

    Attributes:
        allowed: Share of events that may be bad.
        left: Events that may still be bad.
        loss: What the budget loses a step; a rolling window gives back what its oldest step took.
        dust: Less than nothing, by what rounding may make of it.
    """

    allowed: float
    left: float
    loss: float
    dust: float

    @classmethod
    def of(cls, *, target: float, bad: float, total: float, spent: float, events: float) -> Pace | None:
        """None when nothing fails at present, and when the budget is spent.

        Args:
            bad, total: Events a step at present.
            spent, events: Bad and all events of the window.
        """
        allowed = budget_ratio(target)
        left = allowed * events - spent
        if bad <= 0 or left < 0:
            return None
        return cls(allowed, left, bad - allowed * total, -1e-9 * allowed * max(events, 1.0))

    def ends_in_unit(self, grid: Grid, objective: Objective) -> int | None:
        """The end within the calendar unit."""
        ahead = int((objective.window.calendar_period(grid.end_ms).end_ms - grid.end_ms) // grid.step_ms)
        first = int((self.left - self.dust) // self.loss) + 1 if self.loss > 0 else ahead + 1
        return grid.end_ms + first * grid.step_ms if first <= ahead else None

    def steps_until_spent(self, bad: Float64, total: Float64, after: int) -> int | None:
        """How many steps from now on a rolling window spends it, within a stretch of steps; None when not in there.

        Args:
            bad, total: What the window has lost by the end of each step of the stretch.
            after: Steps from now to the beginning of the stretch.
        """
        over = self.left + (bad - self.allowed * total) - self.loss * np.arange(after + 1, after + len(bad) + 1)
        spent = over < self.dust
        return after + int(spent.argmax()) + 1 if spent.any() else None
