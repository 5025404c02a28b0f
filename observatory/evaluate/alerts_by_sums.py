"""Where a policy fires, from running sums: the same steps as from a row, looked for only where there may be any.

A window that ends within ten steps holds no more bad events than the stretch that covers all of its places, and no
fewer events than the stretch that all of them share. Where even these two do not burn fast enough nothing fires; the
other steps, mostly few, are looked at one by one with the arithmetic of `rolling`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.evaluate.rolling import window_steps
from observatory.ledger.milestones import EXACT
from observatory.ledger.sums import Running, SumsOfSteps
from observatory.objectives.budget import budget_ratio
from observatory.objectives.policy import Pair, Policy
from observatory.sources.base import Float64

STRIDE = 10
"""Steps that are judged together at first."""
MANY = 3
"""Where as many of the stretches are left as one in three, looking at all of them is quicker than picking them out."""
AT_ONCE = 1200
"""Stretches whose steps are looked at in one go: few enough for the processor's cache, and for memory that is at hand
already; what is larger the system takes back and gives anew each time."""
Steps = NDArray[np.intp] | slice


class Firing(Struct, frozen=True, eq=False):
    """Steps at whose end at least one pair fires, ascending; columns of one length.

    Attributes:
        pages: Whether one of them pages.
        peak: How fast the long window of the fastest of them burns.
    """

    steps: NDArray[np.intp]
    pages: NDArray[np.bool_]
    peak: Float64


NOTHING_FIRES = Firing(np.empty(0, np.intp), np.empty(0, np.bool_), np.empty(0))


def firing_by_sums(
    sums: Running, target: float, policy: Policy, step_ms: int, *, since: int = 0, of_slices: bool
) -> Firing | None:
    """Where a policy fires; None where events are too many to tell it from sums.

    Args:
        since: The first step that is asked for; what lies before it is there for the windows that reach back.
        of_slices: Steps are the events, so that a pair's minimum of bad events is not asked for.
    """
    scale = 1 / budget_ratio(target)
    if float(sums.bad[-1]) * scale >= EXACT:
        return None
    far = _Far(sums, since)
    fires: dict[Pair, tuple[NDArray[np.intp], Float64]] = {}
    for pair in policy.pairs:
        places, rates = _firing(sums, far, target, pair, step_ms, 0.0 if of_slices else pair.min_bad)
        if since and len(places):
            asked = int(np.searchsorted(places, since))
            places, rates = places[asked:], rates[asked:]
        if len(places):
            fires[pair] = places, rates
    return _together(fires, len(sums.total) - 1) if fires else NOTHING_FIRES


def _firing(
    sums: Running, far: _Far, target: float, pair: Pair, step_ms: int, least: float
) -> tuple[NDArray[np.intp], Float64]:
    """Steps at whose end a pair fires, ascending, and how fast its long window burns there."""
    long, short = (window_steps(seconds, step_ms) for seconds in (pair.long, pair.short))
    allowed = budget_ratio(target) * pair.factor
    may = far.may_fire(long, allowed)
    if may.any():
        may &= far.may_fire(short, allowed)
    found = [_firing_in(part, sums, target, pair, (long, short), least) for part in far.steps(may)]
    if not found:
        return np.empty(0, np.intp), np.empty(0)
    places, rates = zip(*found, strict=True)
    return np.concatenate(places), np.concatenate(rates)


def _firing_in(
    possible: Steps, sums: Running, target: float, pair: Pair, windows: tuple[int, int], least: float
) -> tuple[NDArray[np.intp], Float64]:
    """As `_firing` in some of the steps."""
    long, short = windows
    bad = _trailing(sums.bad, long, possible)
    rates = _burn_rates(bad, _trailing(sums.total, long, possible), target)
    burns = rates > pair.factor
    if isinstance(possible, slice) and MANY * int(np.count_nonzero(burns)) > len(burns):
        of_short = _burn_rates(_trailing(sums.bad, short, possible), _trailing(sums.total, short, possible), target)
        fires = np.flatnonzero(burns & (of_short > pair.factor) & (bad >= least))
        return fires + possible.start, rates[fires]
    burning = np.flatnonzero(burns)
    places = burning + possible.start if isinstance(possible, slice) else possible[burning]
    of_short = _burn_rates(_trailing(sums.bad, short, places), _trailing(sums.total, short, places), target)
    enough = (of_short > pair.factor) & (bad[burning] >= least)
    return places[enough], rates[burning[enough]]


class _Far:
    """Running sums at every tenth step, by which stretches in which nothing can fire are told."""

    def __init__(self, sums: Running, since: int = 0) -> None:
        self._steps, self._since = len(sums.total) - 1, since // STRIDE
        # The last stretch may be cut short by the end of the grid.
        self._bad, self._total = (np.append(one[:-1:STRIDE], one[-1]) for one in (sums.bad, sums.total))

    def may_fire(self, width: int, allowed: float) -> NDArray[np.bool_]:
        """Stretches at any of whose ends a window may hold a larger share of bad events than that."""
        reach, inside = -(-width // STRIDE), max(1, width // STRIDE)
        # Windows that end in a stretch reach back into no more than so many stretches before it.
        most_bad = self._bad[1:].copy()
        most_bad[reach:] -= self._bad[: max(0, len(most_bad) - reach)]
        # And hold all of those between, which are one less; of windows shorter than a stretch nothing is sure.
        least_total = self._total[:-1].copy()
        least_total[inside - 1 :] -= self._total[: max(0, len(least_total) - inside + 1)]
        # A little less than it takes, so that rounding never leaves out a step that fires.
        found: NDArray[np.bool_] = most_bad > allowed * (1 - 1e-9) * least_total
        found[: self._since] = False
        return found

    def steps(self, stretches: NDArray[np.bool_]) -> Iterator[Steps]:
        """The steps of these stretches, and where they are many some between them; in parts, ascending."""
        may = np.flatnonzero(stretches)
        if not len(may):
            return
        edges = np.searchsorted(may, range(0, len(stretches) + AT_ONCE, AT_ONCE)).tolist()
        for begin, end in pairwise(edges):
            part = may[begin:end]
            if len(part) and len(part) * MANY > part[-1] - part[0]:
                yield slice(int(part[0]) * STRIDE, min((int(part[-1]) + 1) * STRIDE, self._steps))
            elif len(part):
                steps = (part[:, None] * STRIDE + np.arange(STRIDE)).ravel()
                yield steps[: np.searchsorted(steps, self._steps)]


def _trailing(sums: SumsOfSteps, width: int, places: Steps) -> SumsOfSteps:
    """Sums of windows that end with these steps."""
    if isinstance(places, slice):
        found, begin = sums[places.start + 1 : places.stop + 1], places.start + 1 - width
        if begin >= 0:
            return found - sums[begin : begin + len(found)]
        # Windows that reach back to before the first step have lost nothing.
        found, whole = found.copy(), min(len(found), -begin)
        found[whole:] -= sums[: len(found) - whole]
        return found
    return sums[places + 1] - sums[np.maximum(places + 1 - width, 0)]


def _burn_rates(bad: SumsOfSteps, events: SumsOfSteps, target: float) -> Float64:
    """Bit by bit the burn rates of `rolling.BurnRates` of windows that hold so many; NaN without events."""
    per_budget = 1 / budget_ratio(target)
    # In one array: every further one is memory that the system has to find anew, which takes longer than to divide.
    rates: Float64 = bad.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if per_budget.is_integer():
            rates *= per_budget
            rates /= events
        else:
            rates /= events
            rates *= per_budget
    return rates


def _together(fires: Mapping[Pair, tuple[NDArray[np.intp], Float64]], count: int) -> Firing:
    if len(fires) == 1:
        ((steps, _),) = fires.values()
    else:
        fire = np.zeros(count, dtype=bool)
        for places, _ in fires.values():
            fire[places] = True
        steps = np.flatnonzero(fire)
    pages, peak = np.zeros(len(steps), dtype=bool), np.zeros(len(steps))
    for pair, (places, rates) in fires.items():
        at = np.searchsorted(steps, places) if len(fires) > 1 else slice(None)
        if pair.severity == "page":
            pages[at] = True
        peak[at] = np.fmax(peak[at], rates)
    return Firing(steps, pages, peak)
