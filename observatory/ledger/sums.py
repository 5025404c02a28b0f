"""Whole counts of a row: the events of any span from sums, exactly.

Whole numbers add to the same sum in any order, so what a span holds is the difference of two sums, to the last bit
what adding its steps one by one gives. Rows with fractions, which a gap leaves, have no such sums and are added
step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from observatory.indicators.counts import Counts
from observatory.ledger.milestones import EXACT, Milestones
from observatory.sources.base import Float64, Int64
from observatory.windows import Grid, TimeRange

SumsOfSteps = NDArray[np.signedinteger[Any]]


class Running(NamedTuple):
    """Bad and all events up to the end of each step, with a leading zero: steps a..b hold `total[b] - total[a]`.

    In 32 bits where they fit, for what is read of them is read many times.
    """

    bad: SumsOfSteps
    total: SumsOfSteps


class WholeCounts(Struct, frozen=True):
    """Counts of a row as they lie packed, all of them whole numbers. Do not write into them.

    Attributes:
        bad, total: Per step; a single value where all steps hold the same, see `packed`.
        observed: Seconds seen per step, packed like these; may hold fractions.
    """

    steps: int
    bad: NDArray[Any]
    total: NDArray[Any]
    observed: NDArray[Any]

    @classmethod
    def of(cls, bad: NDArray[Any], total: NDArray[Any], observed: NDArray[Any], steps: int) -> WholeCounts | None:
        """From packed counts; None when any of them is no whole number, or they are too many to be exact."""
        are_whole = _are_whole(bad, steps) and _are_whole(total, steps)
        return cls(steps, bad, total, observed) if are_whole else None

    def running(self, first: int, last: int) -> Running:
        """Running sums of the steps from `first` on and before `last`, as if nothing had been before."""
        bad, total = (
            running(one if len(one) != self.steps else one[first:last], last - first) for one in (self.bad, self.total)
        )
        assert bad is not None
        assert total is not None
        return Running(bad, total)

    def counts(self, grid: Grid, span: TimeRange) -> Counts:
        """As `Row.counts` of the row that these are of."""
        return self.counts_of(Spans.of(grid, [span]))[0]

    def counts_of(self, spans: Spans) -> list[Counts]:
        """Of several spans."""
        bad, total = (spans.milestones.sums(one) for one in (self.bad, self.total))
        assert bad is not None
        assert total is not None
        count = len(spans.steps)
        totals = total[count:] - total[:count]
        goods = totals - (bad[count:] - bad[:count])
        seen = spans.seen.get(id(self.observed))
        if seen is None:
            seen = self.observed, [self._seen(first, last) for first, last in spans.steps]
            spans.seen[id(self.observed)] = seen
        columns = (goods.tolist(), totals.tolist(), seen[1], spans.seconds)
        return [Counts(*each) for each in zip(*columns, strict=True)]

    def _seen(self, first: int, last: int) -> float:
        if len(self.observed) == self.steps:
            return float(self.observed[first:last].sum(dtype=np.float64))
        seconds = float(self.observed[0])
        if seconds.is_integer():
            return (last - first) * seconds
        alike: Float64 = np.full(last - first, seconds)
        return float(alike.sum())


class Spans(Struct, frozen=True, eq=False):
    """Spans of time on a grid, the same for all of its rows.

    Attributes:
        steps: Of each the first step and the first after it.
        milestones: Where they begin, one after the other, and then where they end.
        seconds: How long each is.
        seen: By the identity of an array of seconds seen, which rows of the same targets share: that array, and how
            much of each span it says was seen.
    """

    steps: tuple[tuple[int, int], ...]
    milestones: Milestones
    seconds: tuple[float, ...]
    seen: dict[int, tuple[NDArray[Any], list[float]]] = field(default_factory=dict)

    @classmethod
    def of(cls, grid: Grid, spans: Sequence[TimeRange]) -> Spans:
        """Spans whose ends lie on the grid, or outside of it."""
        steps = []
        for span in spans:
            first = min(grid.steps, max(0, -(-(span.start_ms - grid.start_ms) // grid.step_ms)))
            steps.append((first, max(first, min(grid.steps, (span.end_ms - grid.start_ms) // grid.step_ms))))
        edges: Int64 = np.asarray(steps, np.int64).reshape(-1, 2)
        milestones = Milestones.of(grid.steps, edges.T.ravel())
        return cls(tuple(steps), milestones, tuple(max(0.0, span.seconds) for span in spans))


def _are_whole(packed: NDArray[Any], steps: int) -> bool:
    """Whether packed counts are whole numbers that add to an exact sum."""
    if packed.dtype.kind == "u" and len(packed) == steps:
        most = int(np.iinfo(packed.dtype).max)
        return most * steps < EXACT or int(packed.sum(dtype=np.uint64)) < EXACT
    return len(packed) == 1 and float(packed[0]).is_integer() and abs(float(packed[0])) * steps < EXACT


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
