"""Running sums of a row: the events of any span from two numbers, where all counts are whole.

Whole numbers add to the same sum in any order, so what a span holds is the difference of two running sums, to the last
bit what adding its steps one by one gives. Rows with fractions, which a gap leaves, have no such sums and are added
step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from observatory.indicators.counts import Counts
from observatory.sources.base import Float64, Int64
from observatory.windows import Grid, TimeRange

SumsOfSteps = NDArray[np.signedinteger[Any]]
EXACT = 2**53
"""Whole numbers below this are floats without rounding."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Events up to the end of each step, and the time that was seen.

    Attributes:
        bad, total: A leading zero and one sum per step: steps a..b hold `total[b] - total[a]`. In 32 bits where they
            fit, for what is read of them is read many times.
        observed: Seconds seen per step; a single value where all steps were seen alike, see `packed`.
    """

    bad: SumsOfSteps
    total: SumsOfSteps
    observed: NDArray[Any]

    @classmethod
    def of(cls, bad: NDArray[Any], total: NDArray[Any], observed: NDArray[Any], steps: int) -> Sums | None:
        """From packed counts; None when any of them is no whole number, or they are too many to be exact."""
        bad_sums, total_sums = running(bad, steps), running(total, steps)
        return None if bad_sums is None or total_sums is None else cls(bad_sums, total_sums, observed)

    def counts(self, grid: Grid, span: TimeRange) -> Counts:
        """As `Row.counts` of the row that these are the sums of."""
        return self.counts_of(Spans.of(grid, [span]))[0]

    def counts_of(self, spans: Spans) -> list[Counts]:
        """Of several spans."""
        total = self.total[spans.last] - self.total[spans.first]
        good = total - (self.bad[spans.last] - self.bad[spans.first])
        seen = spans.seen.get(id(self.observed))
        if seen is None:
            seen = self.observed, [self._seen(first, last) for first, last in spans.steps]
            spans.seen[id(self.observed)] = seen
        columns = (good.astype(np.float64).tolist(), total.astype(np.float64).tolist(), seen[1], spans.seconds)
        return [Counts(*each) for each in zip(*columns, strict=True)]

    def _seen(self, first: int, last: int) -> float:
        if len(self.observed) == len(self.total) - 1:
            return float(self.observed[first:last].sum(dtype=np.float64))
        seconds = float(self.observed[0])
        if seconds.is_integer():
            return (last - first) * seconds
        alike: Float64 = np.full(last - first, seconds)
        return float(alike.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Spans of time on a grid, the same for all of its rows.

    Attributes:
        first, last: The first step of each and the first after it.
        steps: Both, pair by pair.
        seconds: How long each is.
        seen: By the identity of an array of seconds seen, which rows of the same targets share: that array, and how
            much of each span it says was seen.
    """

    first: Int64
    last: Int64
    steps: tuple[tuple[int, int], ...]
    seconds: tuple[float, ...]
    seen: dict[int, tuple[NDArray[Any], list[float]]] = field(default_factory=dict)

    @classmethod
    def of(cls, grid: Grid, spans: Sequence[TimeRange]) -> Spans:
        """Spans whose ends lie on the grid, or outside of it."""
        steps = []
        for span in spans:
            first = min(grid.steps, max(0, -(-(span.start_ms - grid.start_ms) // grid.step_ms)))
            steps.append((first, max(first, min(grid.steps, (span.end_ms - grid.start_ms) // grid.step_ms))))
        edges = np.asarray(steps, np.int64).reshape(-1, 2)
        return cls(edges[:, 0], edges[:, 1], tuple(steps), tuple(max(0.0, span.seconds) for span in spans))


def running(packed: NDArray[Any], steps: int) -> SumsOfSteps | None:
    """Running sums of packed counts with a leading zero; None where they are not whole or not exact."""
    if len(packed) != steps or packed.dtype.kind == "f":
        if len(packed) != 1 or not float(packed[0]).is_integer() or abs(float(packed[0])) * steps >= EXACT:
            return None
        return np.arange(steps + 1, dtype=np.int64) * int(packed[0])
    small = int(packed.max(initial=0)) * steps <= np.iinfo(np.int32).max
    sums: SumsOfSteps = np.empty(steps + 1, np.int32 if small else np.int64)
    sums[0] = 0
    # Made whole first: adding small numbers into large ones goes through a buffer, which takes twice as long.
    sums[1:] = packed
    np.cumsum(sums, out=sums)
    return sums if sums[-1] < EXACT else None
