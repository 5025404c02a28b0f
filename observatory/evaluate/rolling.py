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
    """Steps per pass: a month of minutes, whose buffers stay in the second-level cache while a window is worked on."""

    def __init__(self, steps: int, windows: Sequence[int]) -> None:
        """Steps per row, and the windows in steps."""
        self.windows = tuple(windows)
        # A running sum is bound by its chain of additions; as parts of complex numbers both sums share one chain.
        self._both = np.zeros(steps + 1, dtype=np.complex128)
        self._bad, self._total = np.zeros(steps + 1), np.zeros(steps + 1)
        self._in, self._of = np.empty(self.TILE), np.empty(self.TILE)

    def of(self, good: Float64, total: Float64, target: float, out: Float64) -> Float64:
        """Fill `out`, one line per window, with the burn rate at the end of each step; NaN without events.

        Where one over the budget is a whole number, as for 99.9 %, bad events are weighted by it before they are
        summed: the sums stay whole and exact, and no ratio has to be scaled afterwards.
        """
        both, bad, events_so_far = self._both, self._bad, self._total
        per_budget = 1 / budget_ratio(target)
        whole = per_budget.is_integer()
        np.subtract(total, good, out=both.real[1:])
        if whole:
            np.multiply(both.real[1:], per_budget, out=both.real[1:])
        both.imag[1:] = total
        np.cumsum(both[1:], out=both[1:])
        np.copyto(bad, both.real)
        np.copyto(events_so_far, both.imag)
        steps = len(total)
        with np.errstate(divide="ignore", invalid="ignore"):
            for line, width in zip(out, self.windows, strict=True):
                head = min(width, steps)
                np.divide(bad[1 : head + 1], events_so_far[1 : head + 1], out=line[:head])
                for begin in range(head, steps, self.TILE):
                    end = min(begin + self.TILE, steps)
                    spent, events = self._in[: end - begin], self._of[: end - begin]
                    late, early = slice(begin + 1, end + 1), slice(begin + 1 - width, end + 1 - width)
                    np.subtract(bad[late], bad[early], out=spent)
                    np.subtract(events_so_far[late], events_so_far[early], out=events)
                    np.divide(spent, events, out=line[begin:end])
                if not whole:
                    np.multiply(line, per_budget, out=line)
        return out
