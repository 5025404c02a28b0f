"""A row of the ledger: what one measured thing came to, step by step, and what was recovered in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from numpy.typing import NDArray

from observatory.errors import Problem
from observatory.indicators.counts import Counts
from observatory.ledger.uncounted import NONE_UNCOUNTED, Uncounted
from observatory.sources.base import Float64, Int64
from observatory.windows import Grid, TimeRange

Counting = Literal["exact", "pushdown", "estimated"]


class Recovered(Struct, frozen=True, kw_only=True):
    """What counting from raw samples found that a plain increase would have lost or mistaken."""

    births: float = 0.0
    resets: int = 0
    gap_events: float = 0.0


class Findings(Struct, frozen=True):
    """Recoveries by time, so that any part of a row can say what was recovered in it. Arrays of one length.

    Attributes:
        t_ms: Instant of the sample that showed it, ascending.
        births, resets, gap: As in `Recovered`.
    """

    t_ms: Int64
    births: Float64
    resets: Float64
    gap: Float64

    @classmethod
    def of(cls, rows: Sequence[tuple[int, float, float, float]] = ()) -> Findings:
        """Findings from (time, births, resets, gap events) rows in any order."""
        if not rows:
            return _NOTHING_FOUND
        table = np.asarray(sorted(rows), dtype=np.float64).reshape(-1, 4)
        return cls(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3])

    def between(self, span: TimeRange) -> Recovered:
        """What was recovered in (start, end]."""
        if not len(self.t_ms):
            return _NOTHING_RECOVERED
        first, last = np.searchsorted(self.t_ms, (span.start_ms, span.end_ms), side="right").tolist()
        part = slice(first, last)
        return Recovered(
            births=float(self.births[part].sum()),
            resets=int(self.resets[part].sum()),
            gap_events=float(self.gap[part].sum()),
        )

    def cut(self, span: TimeRange) -> Findings:
        """Findings in (start, end]."""
        if not len(self.t_ms):
            return self
        first, last = np.searchsorted(self.t_ms, (span.start_ms, span.end_ms), side="right").tolist()
        part = slice(first, last)
        return Findings(self.t_ms[part], self.births[part], self.resets[part], self.gap[part])

    def __add__(self, other: Findings) -> Findings:
        """Findings of two sets of series, or of two spans of time."""
        if not len(other.t_ms):
            return self
        if not len(self.t_ms):
            return other
        t_ms = np.concatenate((self.t_ms, other.t_ms))
        order = np.argsort(t_ms, kind="stable")
        return Findings(
            t_ms[order],
            np.concatenate((self.births, other.births))[order],
            np.concatenate((self.resets, other.resets))[order],
            np.concatenate((self.gap, other.gap))[order],
        )


_NOTHING_RECOVERED = Recovered()
_NOTHING_FOUND = Findings(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))


class Row(Struct, frozen=True, kw_only=True):
    """One measured thing on the grid.

    Attributes:
        good, total: float64 per step, fractions only where an increment was spread over a gap.
        observed: Seconds seen per step, 0..step.
        level: For slice indicators the worst value per step in the base unit, NaN where there was none; else None.
        level_error: Half-width of the level's error bar per step, same shape; else None.
        series: How many series stood behind it; 0 means that nothing was found.
        last_sample_ms: Newest sample, None without any.
        recovered: Of the whole grid; `findings` tells it for any part.
        uncounted: First values that are not counted, for nothing tells when their counters began.
        upper: Good events at most, per step, where a threshold lies between two buckets and `good` is the least; else
            None.
        at_least: Steps in which the level is known only to be at least as high as given; else None.
        excluded: Steps that were taken out as planned work: nothing is counted in them, and nothing was expected. None
            in the ledger itself; only evaluation takes steps out.
        outcome_by: Sources and jobs that count the good or the bad events, where others count all of them; see `apart`.
    """

    good: Float64
    total: Float64
    observed: Float64
    counting: Counting = "exact"
    level: Float64 | None = None
    level_error: Float64 | None = None
    series: int = 0
    last_sample_ms: int | None = None
    recovered: Recovered = field(default_factory=Recovered)
    findings: Findings = field(default_factory=Findings.of)
    uncounted: Uncounted = NONE_UNCOUNTED
    upper: Float64 | None = None
    at_least: NDArray[np.bool_] | None = None
    excluded: NDArray[np.bool_] | None = None
    outcome_by: tuple[tuple[str, str], ...] = ()
    problems: tuple[Problem, ...] = ()

    def without(self, excluded: NDArray[np.bool_]) -> Row:
        """The row with steps taken out: no events, no level, nothing observed and nothing expected in them."""
        left = ~excluded
        return replace(
            self,
            good=np.where(left, self.good, 0.0),
            total=np.where(left, self.total, 0.0),
            observed=np.where(left, self.observed, 0.0),
            level=None if self.level is None else np.where(left, self.level, np.nan),
            upper=None if self.upper is None else np.where(left, self.upper, 0.0),
            at_least=None if self.at_least is None else self.at_least & left,
            excluded=excluded,
        )

    def counts(self, grid: Grid, span: TimeRange) -> Counts:
        """Counts of a range whose ends lie on the grid, as they were counted; outside the grid nothing is observed."""
        part = slice(*steps_within(grid, span))
        out_seconds = 0.0 if self.excluded is None else int(self.excluded[part].sum()) * grid.step_ms / 1000
        return Counts(
            float(self.good[part].sum()),
            float(self.total[part].sum()),
            float(self.observed[part].sum()),
            max(0.0, span.seconds - out_seconds),
        )


def steps_within(grid: Grid, span: TimeRange) -> tuple[int, int]:
    """The first step of a range and the first after it; equal where nothing of the range is on the grid."""
    first = min(grid.steps, max(0, -(-(span.start_ms - grid.start_ms) // grid.step_ms)))
    return first, max(first, min(grid.steps, (span.end_ms - grid.start_ms) // grid.step_ms))
