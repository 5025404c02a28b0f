"""What judging an objective takes from the counts of its row: sums of windows, what fires, and what is to come.

Here of one row, step by step; `together` does the same for many rows at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from numpy.typing import NDArray

from observatory.evaluate.forecast import exhausts_at
from observatory.evaluate.history import firing_now
from observatory.evaluate.outlook import Outlook, outlook
from observatory.evaluate.rolling import window_steps
from observatory.indicators.counts import Counts
from observatory.ledger.row import Row
from observatory.objectives.burn import burn_rate
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Pair, Policy
from observatory.units import parse_duration
from observatory.windows import BURN_WINDOWS, Grid, TimeRange


class Reckoned(Struct, frozen=True, kw_only=True):
    """Of an objective's row, at the end of the grid.

    Attributes:
        counts: Of the window, as they were counted.
        burn_rates: By window text.
        exhausts_at_ms: As `forecast.exhausts_at`.
        outlook: None where too little tells it, and where fewer events were counted than the objective asks for.
        seen: When something was seen in the window; None where that is still to be looked at.
    """

    counts: Counts
    firing: tuple[Pair, ...]
    burn_rates: Mapping[str, float | None]
    exhausts_at_ms: int | None
    outlook: Outlook | None
    seen: SeenSteps | None = None


class SeenSteps(Struct, frozen=True):
    """When something was seen of a row in some steps.

    Attributes:
        first, until: The first step with something and the first after the last one; equal where nothing was seen.
        seconds: Seen between them.
        steps: How many steps were looked at.
    """

    first: int
    until: int
    seconds: float
    steps: int

    @classmethod
    def of(cls, observed: NDArray[Any]) -> SeenSteps:
        """From the seconds seen in each step."""
        seen = observed > 0
        if not seen.any():
            return cls(0, 0, 0.0, len(seen))
        first, until = int(seen.argmax()), len(seen) - int(seen[::-1].argmax())
        return cls(first, until, float(observed[first:until].sum()), len(seen))


def reckon(counted: Row, alerting: Row, grid: Grid, objective: Objective, policy: Policy | None) -> Reckoned:
    """Of one row, step by step.

    Args:
        counted: What the budget counts.
        alerting: What alerts count.
    """
    window = objective.window.range_at(grid.end_ms)
    counts = _sum(counted, grid, steps_of(grid, window), window)
    nothing = counts.total <= 0 and counts.observed_seconds <= 0
    rates: dict[str, float | None] = {}
    for word, steps in burn_steps(grid).items():
        part = slice(max(0, grid.steps - steps), None)
        rates[word] = rate(
            float((counted.total[part] - counted.good[part]).sum()),
            float(counted.total[part].sum()),
            float(counted.observed[part].sum()),
            objective.target,
        )
    return Reckoned(
        counts=counts,
        firing=firing_now(alerting, grid, objective.target, policy) if policy else (),
        burn_rates=rates,
        exhausts_at_ms=None if nothing else exhausts_at(counted, grid, objective),
        outlook=None if nothing or counts.total < objective.min_events else outlook(counted, grid, objective),
    )


def steps_of(grid: Grid, span: TimeRange) -> slice:
    """The steps of the grid that lie inside a range."""
    first = max(0, -(-(span.start_ms - grid.start_ms) // grid.step_ms))
    last = max(first, min(grid.steps, (span.end_ms - grid.start_ms) // grid.step_ms))
    return slice(first, last)


def rate(bad: float, total: float, observed: float, target: float) -> float | None:
    """Nothing burns without events; without telemetry it is not known whether anything does."""
    if total <= 0:
        return 0.0 if observed > 0 else None
    return burn_rate(bad, total, target)


def _sum(row: Row, grid: Grid, part: slice, window: TimeRange) -> Counts:
    taken_out = 0.0 if row.excluded is None else int(row.excluded[part].sum()) * grid.step_ms / 1000
    seconds = max(0.0, window.seconds - taken_out)
    observed = min(seconds, float(row.observed[part].sum()))
    return Counts(float(row.good[part].sum()), float(row.total[part].sum()), observed, seconds)


def burn_steps(grid: Grid) -> dict[str, int]:
    """Steps of the windows whose burn rates are always told."""
    return {word: window_steps(parse_duration(word), grid.step_ms) for word in BURN_WINDOWS}
