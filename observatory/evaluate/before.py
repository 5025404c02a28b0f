"""The window before: what an objective counted in the window that ended where its present one begins.

Counts travel, so what a domain did before is added up like what it does now. Telemetry that does not reach that far
back is a state with its coverage, and the instant from which it was counted; it is never nought and never all.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from observatory.indicators.counts import Counts
from observatory.objectives.budget import Budget
from observatory.windows import TimeRange, Window, format_instant

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
WHOLE = 0.99
"""Share from which nothing is said of what was not seen: a scrape that failed is no other month."""
Reach = Literal["whole", "partial", "none"]


class Before(Struct, frozen=True, kw_only=True):
    """An objective in the window before its present one.

    Attributes:
        span: The window, (start, end]; planned work inside it is left out of the counts where the objective says so.
        counts: Nothing observed where telemetry does not reach so far back.
        since_ms: The end of the first step that was seen; None where none was.
    """

    span: TimeRange
    counts: Counts
    since_ms: int | None = None

    @property
    def reach(self) -> Reach:
        """How much of the window was seen."""
        return reach_of(self.counts)

    def budget(self, target: float) -> Budget | None:
        """The error budget of that window; None where nothing was seen of it."""
        return None if self.reach == "none" else Budget.of(self.counts, target)

    def to_json(self, target: float) -> dict[str, Any]:
        """The `before` object of an objective; counts are null where nothing was seen."""
        known = self.reach != "none"
        budget = self.budget(target)
        return {
            "start": format_instant(self.span.start_ms),
            "end": format_instant(self.span.end_ms),
            "reach": self.reach,
            "counted_since": format_instant(self.since_ms),
            "good": self.counts.good if known else None,
            "total": self.counts.total if known else None,
            "coverage": self.counts.coverage,
            "ratio": self.counts.ratio,
            "budget": budget.to_json() if budget else None,
        }


def reach_of(counts: Counts) -> Reach:
    """How much of the time was seen: all but what single scrapes miss, some of it, nothing."""
    if counts.observed_seconds <= 0:
        return "none"
    return "whole" if (counts.coverage or 0.0) >= WHOLE else "partial"


def span_before(window: Window, at_ms: int) -> TimeRange:
    """The window before the one that holds an instant.

    Of a rolling window it is as long, and ends where that one begins; of a day or more on the last full hour before
    that, so that it is counted once an hour. Of a calendar window it is the whole unit before.
    """
    start_ms = window.range_at(at_ms).start_ms
    if window.kind == "calendar":
        return window.calendar_period(start_ms)
    length_ms = round(window.length_seconds * 1000)
    end_ms = start_ms - start_ms % HOUR_MS if length_ms >= DAY_MS else start_ms
    return TimeRange(end_ms - length_ms, end_ms)
