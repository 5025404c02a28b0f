"""Running sums of a row: the events of any span from two numbers, where all counts are whole.

Whole numbers add to the same sum in any order, so what a span holds is the difference of two running sums, to the last
bit what adding its steps one by one gives. Rows with fractions, which a gap leaves, have no such sums and are added
step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from observatory.indicators.counts import Counts
from observatory.sources.base import Float64, Int64
from observatory.windows import Grid, TimeRange

EXACT = 2**53
"""Whole numbers below this are floats without rounding."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Events up to the end of each step, and the time that was seen.

    Attributes:
        bad, total: int64, a leading zero and one sum per step: steps a..b hold `total[b] - total[a]`.
        observed: Seconds seen per step; a single value where all steps were seen alike, see `packed`.
    """

    bad: Int64
    total: Int64
    observed: NDArray[Any]

    @classmethod
    def of(cls, bad: NDArray[Any], total: NDArray[Any], observed: NDArray[Any], steps: int) -> Sums | None:
        """From packed counts; None when any of them is no whole number, or they are too many to be exact."""
        bad_sums, total_sums = running(bad, steps), running(total, steps)
        return None if bad_sums is None or total_sums is None else cls(bad_sums, total_sums, observed)

    def counts(self, grid: Grid, span: TimeRange) -> Counts:
        """As `Row.counts` of the row that these are the sums of."""
        first = min(grid.steps, max(0, -(-(span.start_ms - grid.start_ms) // grid.step_ms)))
        last = max(first, min(grid.steps, (span.end_ms - grid.start_ms) // grid.step_ms))
        bad, total = int(self.bad[last] - self.bad[first]), int(self.total[last] - self.total[first])
        return Counts(float(total - bad), float(total), self._seen(first, last), max(0.0, span.seconds))

    def _seen(self, first: int, last: int) -> float:
        if len(self.observed) == len(self.total) - 1:
            return float(self.observed[first:last].sum(dtype=np.float64))
        seconds = float(self.observed[0])
        alike: Float64 = np.full(last - first, seconds)
        return (last - first) * seconds if seconds.is_integer() else float(alike.sum())


def running(packed: NDArray[Any], steps: int) -> Int64 | None:
    """Running sums of packed counts with a leading zero; None where they are not whole or not exact."""
    sums = np.zeros(steps + 1, dtype=np.int64)
    if len(packed) != steps or packed.dtype.kind == "f":
        if len(packed) != 1 or not float(packed[0]).is_integer() or abs(float(packed[0])) * steps >= EXACT:
            return None
        np.multiply(np.arange(steps + 1), int(packed[0]), out=sums)
        return sums
    np.cumsum(packed, out=sums[1:])
    return sums if sums[-1] < EXACT else None
