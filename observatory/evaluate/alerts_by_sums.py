"""Where a policy fires, from running sums: the same incidents as from a row, looked for only where there may be any.

A window that ends within ten steps holds no more bad events than the stretch that covers all of its places, and no
fewer events than the stretch that all of them share. Where even these two do not burn fast enough nothing fires; the
other steps, mostly few, are looked at one by one with the arithmetic of `rolling`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from observatory.evaluate.history import joined_incidents
from observatory.evaluate.rolling import window_steps
from observatory.evaluate.snapshot import Incident
from observatory.ledger.sums import EXACT, Sums
from observatory.objectives.budget import budget_ratio
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Pair, Policy
from observatory.sources.base import Float64, Int64
from observatory.windows import Grid

STRIDE = 10
"""Steps that are judged together at first."""
MANY = 3
"""Where as many of the stretches are left as one in three, looking at all of them is quicker than picking them out."""
Steps = NDArray[np.intp] | slice


def incidents_by_sums(
    sums: Sums, grid: Grid, objective: Objective, policy: Policy, *, of_slices: bool
) -> tuple[Incident, ...] | None:
    """As `history.incidents` of the row that these are the sums of; None where that has to be asked for.

    Args:
        of_slices: Steps are the events, so that a pair's minimum of bad events is not asked for.
    """
    scale = 1 / budget_ratio(objective.target)
    if float(sums.bad[-1]) * scale >= EXACT:
        return None
    far = _Far(sums)
    fires: dict[Pair, tuple[NDArray[np.intp], Float64]] = {}
    for pair in policy.pairs:
        places, rates = _firing(sums, far, objective.target, pair, grid, 0.0 if of_slices else pair.min_bad)
        if len(places):
            fires[pair] = places, rates
    return _together(fires, sums, grid, objective) if fires else ()


def _firing(
    sums: Sums, far: _Far, target: float, pair: Pair, grid: Grid, least: float
) -> tuple[NDArray[np.intp], Float64]:
    """Steps at whose end a pair fires, ascending, and how fast its long window burns there."""
    long, short = (window_steps(seconds, grid.step_ms) for seconds in (pair.long, pair.short))
    possible = far.possible(long, budget_ratio(target) * pair.factor)
    rates = _burn_rates(sums, long, possible, target)
    burning = np.flatnonzero(rates > pair.factor)
    places = burning + possible.start if isinstance(possible, slice) else possible[burning]
    rates = rates[burning]
    enough = (_burn_rates(sums, short, places, target) > pair.factor) & (_trailing(sums.bad, long, places) >= least)
    return places[enough], rates[enough]


class _Far:
    """Running sums at every tenth step, by which stretches in which nothing can fire are told."""

    def __init__(self, sums: Sums) -> None:
        self._steps = len(sums.total) - 1
        # The last stretch may be cut short by the end of the grid.
        self._bad, self._total = (np.append(one[:-1:STRIDE], one[-1]) for one in (sums.bad, sums.total))

    def possible(self, width: int, allowed: float) -> Steps:
        """Steps at whose end a window may hold a larger share of bad events than that, and some between them."""
        reach, inside = -(-width // STRIDE), max(1, width // STRIDE)
        # Windows that end in a stretch reach back into no more than so many stretches before it.
        most_bad = self._bad[1:].copy()
        most_bad[reach:] -= self._bad[: max(0, len(most_bad) - reach)]
        # And hold all of those between, which are one less; of windows shorter than a stretch nothing is sure.
        least_total = self._total[:-1].copy()
        least_total[inside - 1 :] -= self._total[: max(0, len(least_total) - inside + 1)]
        # A little less than it takes, so that rounding never leaves out a step that fires.
        may = np.flatnonzero(most_bad > allowed * (1 - 1e-9) * least_total)
        if len(may) and len(may) * MANY > may[-1] - may[0]:
            return slice(int(may[0]) * STRIDE, min((int(may[-1]) + 1) * STRIDE, self._steps))
        steps = (may[:, None] * STRIDE + np.arange(STRIDE)).ravel()
        return steps[: np.searchsorted(steps, self._steps)]


def _trailing(sums: Int64, width: int, places: Steps) -> Int64:
    """Sums of windows that end with these steps."""
    if isinstance(places, slice):
        found = sums[places.start + 1 : places.stop + 1].copy()
        # Windows that reach back to before the first step have lost nothing.
        whole = min(len(found), max(0, width - places.start - 1))
        begin = places.start + 1 + whole - width
        found[whole:] -= sums[begin : begin + len(found) - whole]
        return found
    return sums[places + 1] - sums[np.maximum(places + 1 - width, 0)]


def _burn_rates(sums: Sums, width: int, places: Steps, target: float) -> Float64:
    """Bit by bit the burn rates of `rolling.BurnRates` at these steps; NaN without events."""
    per_budget = 1 / budget_ratio(target)
    bad, total = (_trailing(one, width, places).astype(np.float64) for one in (sums.bad, sums.total))
    with np.errstate(divide="ignore", invalid="ignore"):
        rates: Float64 = bad * per_budget / total if per_budget.is_integer() else bad / total * per_budget
    return rates


def _together(
    fires: Mapping[Pair, tuple[NDArray[np.intp], Float64]], sums: Sums, grid: Grid, objective: Objective
) -> tuple[Incident, ...]:
    fire = np.zeros(len(sums.total) - 1, dtype=bool)
    for places, _ in fires.values():
        fire[places] = True
    where = np.flatnonzero(fire)
    pages, peak = np.zeros(len(fire), dtype=bool), np.zeros(len(fire))
    for pair, (places, rates) in fires.items():
        if pair.severity == "page":
            pages[places] = True
        peak[places] = np.fmax(peak[places], rates)

    def bad(first: NDArray[np.intp], last: NDArray[np.intp]) -> list[float]:
        found: list[float] = (sums.bad[last + 1] - sums.bad[first]).astype(np.float64).tolist()
        return found

    return joined_incidents(where, pages[where], peak[where], bad, grid, objective)
