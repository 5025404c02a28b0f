"""First values in a window that are not counted: how many events they hold at most, and what that leaves open.

A process that is scraped for the first time within the window, and of which nothing says when it began, may be new:
then all of its first value belongs to the window. Or it may have counted for months. So events and bad events are told
as upper bounds, always. The share of good events lies, with `good` of `total` counted events and at most `g` good and
`b` bad ones beside them, between `good / (total + b)` and `(good + g) / (total + g)`.

A pod that a release brought holds what came before its first scrape, and no more than a little. Where one scrape showed
more than a hundredth of all that the window counted, it is a history as a rule: it says nothing of the share, is left
out of that range, and is told by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from observatory.indicators.counts import Counts
from observatory.ledger.row import Row
from observatory.ledger.uncounted import Uncounted
from observatory.windows import Grid, TimeRange

LARGE = 0.01
"""Of the counted events: one scrape that first showed more is not taken for that of a new process."""
MANY = 0.05
"""Of the counted events: more in first values of new processes are worth a warning."""
ALWAYS_SMALL = 10.0
"""Events that are neither large nor many, however few were counted."""


class NotCounted(Struct, frozen=True, kw_only=True):
    """First values of one window that are not counted.

    Attributes:
        first_values: How many counters of events began with one.
        events, bad: In all of them, at most.
        large, large_events: Those among them of scrapes that showed too much for a new process.
        share: What the others leave open of the share of good events; None without events.
    """

    first_values: int = 0
    events: float = 0.0
    bad: float = 0.0
    large: int = 0
    large_events: float = 0.0
    share: tuple[float, float] | None = None

    @classmethod
    def of(cls, uncounted: Uncounted, counts: Counts | None) -> NotCounted:
        """Those of a window, with its counts."""
        if not len(uncounted.t_ms):
            return NOTHING_NOT_COUNTED
        total = counts.total if counts else 0.0
        held = np.maximum(uncounted.events, uncounted.good + uncounted.bad)
        large = held > max(ALWAYS_SMALL, LARGE * total)
        return cls(
            first_values=round(float(uncounted.series.sum())),
            events=float(held.sum()),
            bad=float(uncounted.bad.sum()),
            large=round(float(uncounted.series[large].sum())),
            large_events=float(held[large].sum()),
            share=_share(uncounted.only(~large), counts) if counts else None,
        )

    @property
    def small_events(self) -> float:
        """At most, in first values that new processes may have."""
        return self.events - self.large_events

    def is_much(self, counts: Counts) -> bool:
        """Whether new processes may have counted so much that the numbers say too little of them."""
        return self.small_events > max(ALWAYS_SMALL, MANY * counts.total)

    def to_json(self) -> dict[str, Any]:
        """The entry `not_counted` of an objective."""
        return {
            "first_values": self.first_values,
            "events_at_most": self.events,
            "bad_at_most": self.bad,
            "large": {"first_values": self.large, "events_at_most": self.large_events},
            "ratio_between": list(self.share) if self.share else None,
        }


def _share(small: Uncounted, counts: Counts) -> tuple[float, float] | None:
    if counts.total <= 0:
        return None
    # Where the events are of another target than their outcome, they are counted, and only this may be another.
    beside = small.events > 0
    good, bad = float(small.good[beside].sum()), float(small.bad[beside].sum())
    may_be_good, may_be_bad = float(small.good[~beside].sum()), float(small.bad[~beside].sum())
    low = (counts.good - may_be_bad) / (counts.total + bad)
    high = (counts.good + may_be_good + good) / (counts.total + good)
    return max(0.0, low), min(1.0, high)


NOTHING_NOT_COUNTED = NotCounted()


def not_counted_in(row: Row, grid: Grid, span: TimeRange, counts: Counts | None) -> NotCounted | None:
    """Those of a row in a range, without steps that were taken out of it; None where the server counted.

    Args:
        counts: Of the range.
    """
    if row.counting == "pushdown":
        return None
    found = row.uncounted.cut(span)
    if row.excluded is not None and len(found.t_ms):
        found = found.only(~row.excluded[(found.t_ms - grid.start_ms - 1) // grid.step_ms])
    return NotCounted.of(found, counts)
