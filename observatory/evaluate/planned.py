"""Planned work in the numbers of an objective: which steps it takes out, and what they come to with and without it.

Steps are taken out whole: a step that planned work touches is left out, for its events cannot be told apart. So nothing
that happened in the approved time is counted, and at either end up to one step more is left out; the status says how
long that was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from numpy.typing import NDArray

from observatory.indicators.counts import Counts
from observatory.ledger.row import Row
from observatory.objectives.budget import allowed_events, remaining_ratio, spent_events
from observatory.objectives.burn import burn_rate
from observatory.objectives.exclusions import PlannedWork
from observatory.spec.catalog import ExclusionUse
from observatory.windows import Grid, TimeRange, format_instant


class Planned(Struct, frozen=True, eq=False):
    """Planned work as it falls onto a grid, for the objectives that it concerns.

    Attributes:
        use: `alerts` takes the steps out of alerts and incidents only, `budget` out of every number.
        steps: Per step of the grid whether planned work touches it.
    """

    use: ExclusionUse
    work: tuple[PlannedWork, ...]
    steps: NDArray[np.bool_]

    def counted(self, row: Row) -> Row:
        """What the error budget counts."""
        return row.without(self.steps) if self.use == "budget" else row

    def alerting(self, row: Row) -> Row:
        """What alerts count: planned work neither fires them nor keeps them firing afterwards."""
        return row.without(self.steps)

    def within(self, span: TimeRange) -> tuple[PlannedWork, ...]:
        """The planned work of which something lies in a range."""
        found = (
            PlannedWork(
                one.exclusion,
                tuple(each for each in one.spans if each.start_ms < span.end_ms and each.end_ms > span.start_ms),
            )
            for one in self.work
        )
        return tuple(one for one in found if one.spans)

    def seen(self, row: Row, grid: Grid) -> Row:
        """What the budget counts, for questions about gaps: steps that were taken out are none."""
        if self.use != "budget":
            return row
        observed = np.where(self.steps, grid.step_ms / 1000, row.observed)
        return replace(row.without(self.steps), observed=observed)


def touched_steps(work: Sequence[PlannedWork], grid: Grid) -> NDArray[np.bool_]:
    """Per step of the grid, (start, end], whether any part of it lies in planned work."""
    steps = np.zeros(grid.steps, dtype=bool)
    for one in work:
        for span in one.spans:
            first = max(0, (span.start_ms - grid.start_ms) // grid.step_ms)
            last = max(first, min(grid.steps, -(-(span.end_ms - grid.start_ms) // grid.step_ms)))
            steps[first:last] = True
    return steps


class Numbers(Struct, frozen=True):
    """What an objective comes to over a range, counted one way."""

    counts: Counts
    target: float

    def to_json(self) -> dict[str, Any]:
        """`with` and `without` of `exclusions`."""
        return {
            "good": self.counts.good,
            "total": self.counts.total,
            "ratio": self.counts.ratio,
            "coverage": self.counts.coverage,
            "budget": {
                "allowed": allowed_events(self.counts, self.target),
                "spent": spent_events(self.counts),
                "remaining_ratio": remaining_ratio(self.counts, self.target),
            },
            "burn_rate": burn_rate(self.counts.bad, self.counts.total, self.target),
        }


class LeftOut(Struct, frozen=True, kw_only=True):
    """Planned work in a range of an objective's time, and what it changes.

    Attributes:
        use: Whether the budget counts without it (`budget`) or with everything (`alerts`).
        seconds: How long the steps are that it touches.
        applied: What is counted when its steps are left out, whether or not the budget does so.
        all: What is counted when nothing is left out.
        silenced: Severities that would fire without it.
    """

    use: ExclusionUse
    work: tuple[PlannedWork, ...]
    seconds: float
    applied: Numbers
    all: Numbers
    silenced: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """`exclusions` of an objective, in the status and in the review."""
        return {
            "use": self.use,
            "seconds": self.seconds,
            "silenced": list(self.silenced),
            "work": [
                {
                    "reason": one.exclusion.reason,
                    "approver": one.exclusion.approver,
                    "location": str(one.exclusion.location) if one.exclusion.location else None,
                    "spans": [
                        {"start": format_instant(span.start_ms), "end": format_instant(span.end_ms)}
                        for span in one.spans
                    ],
                }
                for one in self.work
            ],
            "with": self.applied.to_json(),
            "without": self.all.to_json(),
        }


def left_out(
    planned: Planned | None, row: Row, grid: Grid, span: TimeRange, target: float, silenced: tuple[str, ...] = ()
) -> LeftOut | None:
    """What planned work changes in a range; None where it touches none of its steps."""
    if planned is None:
        return None
    without = row.without(planned.steps)
    applied, everything = _counts(without, grid, span), _counts(row, grid, span)
    seconds = everything.expected_seconds - applied.expected_seconds
    if seconds <= 0:
        return None
    return LeftOut(
        use=planned.use,
        work=planned.within(span),
        seconds=seconds,
        applied=Numbers(applied, target),
        all=Numbers(everything, target),
        silenced=silenced,
    )


def _counts(row: Row, grid: Grid, span: TimeRange) -> Counts:
    found = row.counts(grid, span)
    observed = min(found.observed_seconds, found.expected_seconds)
    return Counts(min(max(found.good, 0.0), found.total), found.total, observed, found.expected_seconds)
