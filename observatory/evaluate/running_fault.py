"""A fault under way: how long it has lasted, and what it will add to the bad events ahead.

A fault that is under way goes on for a time that is not known. Having lasted d it lasts longer than x with probability
d / (d + x), which holds for any exponential length looked at at a random moment (J. R. Gott, 1993). Its pace is not
quite steady either.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np

from observatory.ledger.ledger import Row
from observatory.sources.base import Float64
from observatory.windows import Grid

PATHS = 200
"""Futures of a forecast."""
PACE_SPREAD = 0.4
BIN_MS = 600_000
FAULT_SHARE, FAULT_BINS, FAULT_REACH_MS = 2.0, 6, 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault under way: how long already, and the bad events that it adds per millisecond."""

    lasted_ms: float
    pace: float
    pace_spread: float


def running_fault(row: Row, grid: Grid) -> Fault | None:
    """The fault under way, in bins of ten minutes; None when the last bin fails no more than usual.

    What is usual is the middle of the hours' error ratios. A bin is faulty with more than twice that and more than
    chance would add; one calm bin does not end a fault.
    """
    steps = max(1, BIN_MS // grid.step_ms)
    bins = min(grid.steps // steps, FAULT_REACH_MS // (steps * grid.step_ms))
    hour = 3_600_000 // (steps * grid.step_ms)
    if bins < 2 * hour:
        return None
    first = grid.steps - bins * steps
    edges = np.arange(0, bins * steps, steps)
    total = np.add.reduceat(row.total[first:], edges)
    bad = total - np.add.reduceat(row.good[first:], edges)
    hours = bins // hour
    of_hour = total[-hours * hour :].reshape(hours, hour).sum(axis=1)
    bad_of_hour = bad[-hours * hour :].reshape(hours, hour).sum(axis=1)
    busy = of_hour > 0
    if not busy.any():
        return None
    usual = float(np.median(bad_of_hour[busy] / of_hour[busy])) * total
    faulty = (bad > FAULT_SHARE * usual + 4 * np.sqrt(np.maximum(usual, 0.0)) + 3)[::-1]
    if not faulty[0]:
        return None
    calm = np.flatnonzero(~faulty[:-1] & ~faulty[1:])
    lasted = int(calm[0]) if len(calm) else bins
    used = min(lasted, FAULT_BINS)
    added = max(0.0, float((bad - usual)[-used:].sum()))
    length_ms = float(steps * grid.step_ms)
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
