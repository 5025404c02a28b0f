"""Where a policy fires, from running sums: the same incidents as from a row, looked for only where there may be any.

A window that ends within ten steps holds no more bad events than the stretch that covers all of its places, and no
fewer events than the stretch that all of them share. Where even these two do not burn fast enough nothing fires; the
other steps, mostly few, are looked at one by one with the arithmetic of `rolling`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from observatory.evaluate.history import joined_incidents
from observatory.evaluate.rolling import window_steps
from observatory.evaluate.snapshot import Incident
from observatory.ledger.sums import EXACT, Sums
from observatory.objectives.budget import budget_ratio
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Pair, Policy
from observatory.sources.base import Float64
from observatory.windows import Grid

STRIDE = 10
"""Steps that are judged together at first."""


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
    fires: dict[Pair, tuple[NDArray[np.intp], Float64]] = {}
    for pair in policy.pairs:
        places, rates = _firing(sums, objective.target, pair, grid, 0.0 if of_slices else pair.min_bad)
        if len(places):
            fires[pair] = places, rates
    return _together(fires, sums, grid, objective) if fires else ()


def _firing(sums: Sums, target: float, pair: Pair, grid: Grid, least: float) -> tuple[NDArray[np.intp], Float64]:
    """Steps at whose end a pair fires, ascending, and how fast its long window burns there."""
    long, short = (window_steps(seconds, grid.step_ms) for seconds in (pair.long, pair.short))
    places = _possible(sums, long, budget_ratio(target) * pair.factor)
    rates = _burn_rates(sums, long, places, target)
    burning = rates > pair.factor
    places, rates = places[burning], rates[burning]
    enough = (_burn_rates(sums, short, places, target) > pair.factor) & (_trailing(sums.bad, long, places) >= least)
    return places[enough], rates[enough]


def _possible(sums: Sums, width: int, allowed: float) -> NDArray[np.intp]:
    """Steps at whose end a window may hold a larger share of bad events than that."""
    places = _places(len(sums.total) - 1, width)
    most_bad = sums.bad[places.after] - sums.bad[places.earliest]
    least_total = np.maximum(sums.total[places.begin + 1] - sums.total[places.latest], 0)
    # A little less than it takes, so that rounding never leaves out a step that fires.
    may = np.flatnonzero(most_bad > allowed * (1 - 1e-9) * least_total)
    steps = (places.begin[may][:, None] + np.arange(STRIDE)).ravel()
    return steps[steps < len(sums.total) - 1]


class _Places(NamedTuple):
    """Stretches of steps: where each begins and ends, and where the first and the last of its windows begin."""

    begin: NDArray[np.intp]
    after: NDArray[np.intp]
    earliest: NDArray[np.intp]
    latest: NDArray[np.intp]


@lru_cache(maxsize=32)
def _places(steps: int, width: int) -> _Places:
    begin = np.arange(0, steps, STRIDE)
    after = np.minimum(begin + STRIDE, steps)
    return _Places(begin, after, np.maximum(begin + 1 - width, 0), np.maximum(after - width, 0))


def _trailing(sums: NDArray[np.int64], width: int, places: NDArray[np.intp]) -> NDArray[np.int64]:
    """Sums of windows that end with these steps."""
    return sums[places + 1] - sums[np.maximum(places + 1 - width, 0)]


def _burn_rates(sums: Sums, width: int, places: NDArray[np.intp], target: float) -> Float64:
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
    pages, peak = np.zeros(len(where), dtype=bool), np.zeros(len(where))
    for pair, (places, rates) in fires.items():
        at = np.searchsorted(where, places)
        if pair.severity == "page":
            pages[at] = True
        peak[at] = np.fmax(peak[at], rates)

    def bad(first: int, last: int) -> float:
        return float(sums.bad[last + 1] - sums.bad[first])

    return joined_incidents(where, pages, peak, bad, grid, objective)
