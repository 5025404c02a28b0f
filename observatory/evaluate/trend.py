"""Error ratios that rise or fall from day to day: whether they do, how fast, and how unsure it is that they go on.

A trend is believed when the days of the past are in its order far more often than chance puts them (M. Kendall's rank
correlation, 1938), which no single incident can do. Its pace is the middle of the slopes between all pairs of days
(H. Theil, 1950; P. Sen, 1968). Past days are then brought to the present level. What comes is not so sure: a ratio that
wanders looks like one that grows. So each future has a growth of its own, about a third of that of the past and as
often against it as one in three.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from observatory.evaluate.running_fault import PATHS
from observatory.sources.base import Float64

LEAST_DAYS = 14
BELIEVED = 3.0
"""Deviations of the rank correlation from what chance makes of it."""
STEEPEST = 0.1
"""The fastest growth, as a logarithm a day, that is believed."""
BUSY_SHARE = 0.8
"""Share of days with failures, below which a ratio cannot be seen to grow."""
GOES_ON, SPREAD = 0.3, 0.8
"""How much of the growth goes on in the middle of the futures, and the deviation around it."""


def growth_of(bad: Float64, total: Float64, ages: NDArray[np.intp]) -> Float64:
    """By row how fast the error ratio grows, as a logarithm a day; 0 where no growth is seen.

    Args:
        bad, total: By row and day, the newest day first.
        ages: How many days ago each day ended.
    """
    found = np.zeros(len(bad))
    days = len(ages)
    rows = np.flatnonzero(np.count_nonzero(bad, axis=1) >= BUSY_SHARE * days) if days >= LEAST_DAYS else ()
    if not len(rows):
        return found
    level = np.log((bad[rows] + 0.5) / (total[rows] + 1.0))
    newer, older = _pairs(days)
    rise = level[:, newer] - level[:, older]
    by_chance = np.sqrt(days * (days - 1) * (2 * days + 5) / 18)
    believed = np.abs(np.sign(rise).sum(axis=1)) > BELIEVED * by_chance
    if believed.any():
        slope = np.median(rise[believed] / (ages[older] - ages[newer]), axis=1)
        found[np.asarray(rows)[believed]] = np.clip(slope, -STEEPEST, STEEPEST)
    return found


def at_present_level(bad: Float64, total: Float64, ages: NDArray[np.intp], growth: Float64) -> Float64:
    """Bad events of past days as they would be today, by row, day and place; no more than all."""
    level = np.exp(growth[:, None] * (ages[None, :] + 0.5))[:, :, None]
    return np.where(growth[:, None, None] == 0, bad, np.minimum(bad * level, total))


def growth_ahead(growth: Float64, days: int) -> Float64:
    """By day ahead, row and future how much higher the error ratio is than today."""
    ahead = np.arange(days)[:, None, None] * growth[None, :, None] * _going_on()[None, None, :]
    factor: Float64 = np.exp(np.clip(ahead, -4.0, 4.0))
    return factor


@lru_cache(maxsize=16)
def _pairs(days: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    newer, older = np.triu_indices(days, 1)
    return newer, older


@lru_cache(maxsize=1)
def _going_on() -> Float64:
    """By future how much of the growth goes on."""
    random = np.random.Generator(np.random.PCG64([PATHS, 2]))
    drawn: Float64 = GOES_ON + SPREAD * random.standard_normal(PATHS)
    return drawn
