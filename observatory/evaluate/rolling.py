"""Sums over trailing windows at every step, by cumulative sums: one pass per row however long the window.

Cumulative sums of event counts are exact in float64 while totals stay below 2^53. Work goes row by row through
buffers that are used again, so that they stay in the processor's cache; no ratio is stored that can be derived.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from observatory.objectives.budget import budget_ratio
from observatory.sources.base import Float64


def cumulative(per_step: Float64) -> Float64:
    """Running sums with a leading zero: length n + 1, so that the sum of steps a..b is c[b] - c[a]."""
    sums = np.empty(len(per_step) + 1)
    sums[0] = 0.0
    np.cumsum(per_step, out=sums[1:])
    return sums


def trailing(sums: Float64, steps: int, out: Float64 | None = None) -> Float64:
    """From `cumulative` sums the sum of the last `steps` steps, at the end of each step.

    Near the start, where the window reaches further back than the data, it is the sum of what there is.
    """
    count = len(sums) - 1
    result = np.empty(count) if out is None else out
    width = max(1, steps)
    head = min(width, count)
    result[:head] = sums[1 : head + 1]
    np.subtract(sums[width + 1 :], sums[1 : count - width + 1], out=result[head:]) if count > width else None
    return result


def window_steps(seconds: float, step_ms: int) -> int:
    """Whole steps in a window, at least one; a window that is no multiple of the step is rounded up."""
    return max(1, -(-round(seconds * 1000) // step_ms))


class BurnRates:
    """Burn rates of many rows of one length over a fixed set of windows, without allocating for each row."""

    TILE = 43_200
    """Steps per pass: a month of minutes, whose buffers stay in the second-level cache while all windows read them."""

    def __init__(self, steps: int, windows: Sequence[int]) -> None:
        """Steps per row, and the windows in steps."""
        self.windows = tuple(windows)
        self._spent, self._events = np.zeros(steps + 1), np.zeros(steps + 1)
        self._bad, self._of = np.empty(steps), np.empty(self.TILE)

    def of(self, good: Float64, total: Float64, target: float, out: Float64) -> Float64:
        """Fill `out`, one line per window, with the burn rate at the end of each step; NaN without events.

        Where one over the budget is a whole number, as for 99.9 %, bad events are weighted by it before they are
        summed: the sums stay whole and exact, and no ratio has to be scaled afterwards.
        """
        per_budget = 1 / budget_ratio(target)
        whole = per_budget.is_integer()
        np.subtract(total, good, out=self._bad)
        if whole:
            np.multiply(self._bad, per_budget, out=self._bad)
        spent, events = self._spent, self._events
        np.cumsum(self._bad, out=spent[1:])
        np.cumsum(total, out=events[1:])
        steps = len(total)
        with np.errstate(divide="ignore", invalid="ignore"):
            for begin in range(0, steps, self.TILE):
                end = min(begin + self.TILE, steps)
                for line, width in zip(out, self.windows, strict=True):
                    # Windows that reach back before the first step hold what there is.
                    full = min(max(width, begin), end)
                    np.divide(spent[begin + 1 : full + 1], events[begin + 1 : full + 1], out=line[begin:full])
                    late, early = slice(full + 1, end + 1), slice(full + 1 - width, end + 1 - width)
                    rate, of = line[full:end], self._of[: end - full]
                    np.subtract(spent[late], spent[early], out=rate)
                    np.subtract(events[late], events[early], out=of)
                    np.divide(rate, of, out=rate)
            if not whole:
                np.multiply(out, per_budget, out=out)
        return out


class Workspace:
    """Burn rates of rows that are looked at one after the other: rows of one length share the buffers.

    Making buffers of a month of minutes anew takes longer than filling them. Not for several threads.
    """

    def __init__(self) -> None:
        self._made: tuple[int, BurnRates] | None = None

    def burn_rates(self, steps: int, windows: Sequence[int]) -> BurnRates:
        """Ready for rows of so many steps and these windows, in steps; valid until the next call."""
        if self._made is None or self._made[0] != steps:
            self._made = steps, BurnRates(steps, windows)
        rates = self._made[1]
        rates.windows = tuple(windows)
        return rates
