"""A fault under way: how long it has lasted, and what it will add to the bad events ahead.

A fault that is under way goes on for a time that is not known. Having lasted d it lasts longer than x with probability
d / (d + x), which holds for any exponential length looked at at a random moment (J. R. Gott, 1993). Its pace is not
quite steady either.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.ledger.row import Row
from observatory.sources.base import Float64, Int64
from observatory.windows import Grid

PATHS = 200
"""Futures of a forecast."""
PACE_SPREAD = 0.4
BIN_MS = 600_000
FAULT_SHARE, FAULT_BINS, FAULT_REACH_MS = 2.0, 6, 7 * 86_400_000


class Fault(Struct, frozen=True):
    """A fault under way: how long already, and the bad events that it adds per millisecond."""

    lasted_ms: float
    pace: float
    pace_spread: float


class Bins(Struct, frozen=True, eq=False):
    """Bins of ten minutes at the end of a grid.

    Attributes:
        edges: Steps between the bins.
        hour: Bins of an hour.
        length_ms: Of a bin.
    """

    edges: Int64
    hour: int
    length_ms: int

    @classmethod
    def of(cls, grid: Grid) -> Bins | None:
        """None where they are less than two hours."""
        steps = max(1, BIN_MS // grid.step_ms)
        length_ms = steps * grid.step_ms
        bins = min(grid.steps // steps, FAULT_REACH_MS // length_ms)
        hour = 3_600_000 // length_ms
        edges = grid.steps - np.arange(bins, -1, -1, dtype=np.int64) * steps
        return cls(edges, hour, length_ms) if bins >= 2 * hour else None


def running_fault(row: Row, grid: Grid) -> Fault | None:
    """The fault under way, in bins of ten minutes; None when the last bin fails no more than usual.

    What is usual is the middle of the hours' error ratios. A bin is faulty with more than twice that and more than
    chance would add; one calm bin does not end a fault.
    """
    bins = Bins.of(grid)
    if bins is None:
        return None
    total = np.add.reduceat(row.total, bins.edges[:-1])
    bad = total - np.add.reduceat(row.good, bins.edges[:-1])
    return faults_in(bad[None], total[None], bins)[0]


def faults_in(bad: Float64, total: Float64, bins: Bins) -> list[Fault | None]:
    """As `running_fault` of each row, from what its bins hold, oldest first."""
    hours = bad.shape[1] // bins.hour
    shape = (len(bad), hours, bins.hour)
    of_hour = total[:, -hours * bins.hour :].reshape(shape).sum(axis=2)
    bad_of_hour = bad[:, -hours * bins.hour :].reshape(shape).sum(axis=2)
    found: list[Fault | None] = [None] * len(bad)
    busy = of_hour > 0
    ratio = bad_of_hour / np.where(busy, of_hour, 1.0)
    usual = _middle(ratio)
    for row in np.flatnonzero(busy.any(axis=1) & ~busy.all(axis=1)).tolist():
        usual[row] = _middle(ratio[row, busy[row]])
    faulty = busy.any(axis=1) & _is_faulty(bad[:, -1], usual * total[:, -1])
    for row in np.flatnonzero(faulty).tolist():
        found[row] = _fault(bad[row], float(usual[row]) * total[row], bins.length_ms)
    return found


def _middle(values: Float64) -> Float64:
    """The median along the last axis; numpy's own looks for masks, and imports all that there is about them."""
    ordered = np.sort(values)
    count = values.shape[-1]
    middle: Float64 = (ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2
    return middle


def _is_faulty(bad: Float64, usual: Float64) -> NDArray[np.bool_]:
    faulty: NDArray[np.bool_] = bad > FAULT_SHARE * usual + 4 * np.sqrt(np.maximum(usual, 0.0)) + 3
    return faulty


def _fault(bad: Float64, usual: Float64, bin_ms: int) -> Fault:
    """The fault with which bins end."""
    faulty = _is_faulty(bad, usual)[::-1]
    calm = np.flatnonzero(~faulty[:-1] & ~faulty[1:])
    lasted = int(calm[0]) if len(calm) else len(bad)
    used = min(lasted, FAULT_BINS)
    added = max(0.0, float((bad - usual)[-used:].sum()))
    length_ms = float(bin_ms)
    return Fault(lasted * length_ms, added / (used * length_ms), sqrt(PACE_SPREAD**2 + 1 / max(added, 1.0)))


@lru_cache(maxsize=1)
def _fault_draws() -> tuple[Float64, Float64]:
    """By future how long the fault goes on, in lengths that it has lasted, and how its pace differs, in deviations."""
    random = np.random.Generator(np.random.PCG64(PATHS))
    chance = random.random(PATHS)
    return 1 / np.maximum(chance, 1e-9) - 1, random.standard_normal(PATHS)


def added(fault: Fault, after_ms: Float64) -> Float64:
    """By future and place the bad events that a fault under way adds."""
    longer, deviation = _fault_draws()
    pace = fault.pace * np.exp(fault.pace_spread * deviation)
    added: Float64 = pace[:, None] * np.minimum(after_ms[None, :], (fault.lasted_ms * longer)[:, None])
    return added
