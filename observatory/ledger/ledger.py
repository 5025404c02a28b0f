"""The ledger: for each measured thing, good and total events and seconds seen, per step of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from observatory.errors import Problem
from observatory.indicators.counts import Counts
from observatory.sources.base import Float64
from observatory.windows import Grid, TimeRange

Counting = Literal["exact", "pushdown", "estimated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What counting from raw samples found that a plain increase would have lost or mistaken."""

    births: float = 0.0
    resets: int = 0
    gap_events: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured thing on the grid.

    Attributes:
        good, total: float64 per step, fractions only where an increment was spread over a gap.
        observed: Seconds seen per step, 0..step.
        level: For slice indicators the worst value per step in the base unit, NaN where there was none; else None.
        level_error: Half-width of the level's error bar per step, same shape; else None.
        series: How many series stood behind it; 0 means that nothing was found.
        last_sample_ms: Newest sample, None without any.
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
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Ledger:
    """Rows by measurement key, all on one grid. Measurements without any answer are absent."""

    grid: Grid
    rows: Mapping[str, Row]

    def counts(self, key: str, span: TimeRange) -> Counts:
        """Counts of a range whose ends lie on the grid; what lies before the grid is not observed.

        Raises:
            KeyError: The measurement is not in the ledger.
        """
        row = self.rows[key]
        first = -(-(span.start_ms - self.grid.start_ms) // self.grid.step_ms)
        last = (span.end_ms - self.grid.start_ms) // self.grid.step_ms
        part = slice(max(0, first), max(0, last))
        return Counts(
            float(row.good[part].sum()),
            float(row.total[part].sum()),
            float(row.observed[part].sum()),
            span.seconds,
        )
