"""First values in a window that are not counted: how many events they hold at most, and what that leaves open.

A process that is scraped for the first time within the window, and of which nothing says when it began, may be new:
then all of its first value belongs to the window. Or it may have counted for months. So events and bad events are told
as upper bounds, always. The share of good events lies, with `good` of `total` counted events and at most `g` good and
`b` bad ones beside them, between `good / (total + b)` and `(good + g) / (total + g)`.

A pod that a release brought holds what came before its first scrape, which is little. Where one scrape showed more than
a hundredth of all that the window counted, and more than comes in five minutes, that is a history as a rule: it says
nothing of the share, is left out of that range, and is told by itself.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from observatory.indicators.counts import Counts
from observatory.ledger.row import Row
from observatory.ledger.uncounted import Uncounted
from observatory.windows import Grid, TimeRange

LARGE, LARGE_SECONDS = 0.01, 300.0
"""Of the counted events, and of the time that was seen: what one scrape of a new process does not show."""
MANY = 0.05
"""Of the counted events: more in first values of new processes are worth a warning."""
ALWAYS_FEW = 10.0
"""Events that are neither large nor many, however few were counted."""


class Held(Struct, frozen=True):
    """How many counters began, and what their first values hold at most."""

    first_values: int = 0
    events: float = 0.0
    bad: float = 0.0

    @classmethod
    def by(cls, some: Uncounted) -> Held:
        """All of these together."""
        return cls(round(float(some.series.sum())), float(some.at_most.sum()), float(some.bad.sum()))

    def to_json(self) -> dict[str, float]:
        """As it stands in `not_counted`."""
        return {"first_values": self.first_values, "events_at_most": self.events, "bad_at_most": self.bad}


class NotCounted(Struct, frozen=True, kw_only=True):
    """First values of one window that are not counted.

    Attributes:
        all: Every one of them.
        new: Those that a new process may have.
        large: Those of scrapes that showed too much for that.
        share: What `new` leaves open of the share of good events; None without events.
    """

    all: Held = Held()
    new: Held = Held()
    large: Held = Held()
    share: tuple[float, float] | None = None

    @classmethod
    def of(cls, uncounted: Uncounted, counts: Counts | None) -> NotCounted:
        """Those of a window, with its counts."""
        if not len(uncounted.t_ms):
            return NOTHING_NOT_COUNTED
        large = uncounted.at_most > (_most_of_one_scrape(counts) if counts else ALWAYS_FEW)
        new = uncounted.only(~large)
        return cls(
            all=Held.by(uncounted),
            new=Held.by(new),
            large=Held.by(uncounted.only(large)),
            share=_share(new, counts) if counts else None,
        )

    def is_much(self, counts: Counts) -> bool:
        """Whether new processes may have counted many events beside these."""
        return self.new.events > max(ALWAYS_FEW, MANY * counts.total)

    def decides(self, counts: Counts, target: float) -> bool:
        """Whether what new processes may have counted decides on which side of a target the share lies."""
        if self.share is None or counts.ratio is None:
            return False
        low, high = self.share
        return low < target <= counts.ratio or counts.ratio < target <= high

    def to_json(self) -> dict[str, Any]:
        """The entry `not_counted` of an objective."""
        share = list(self.share) if self.share else None
        return {**self.all.to_json(), "large": self.large.to_json(), "ratio_between": share}


def _most_of_one_scrape(counts: Counts) -> float:
    part = LARGE_SECONDS / counts.observed_seconds if counts.observed_seconds > 0 else 0.0
    return max(ALWAYS_FEW, max(LARGE, min(part, 1.0)) * counts.total)


def _share(new: Uncounted, counts: Counts) -> tuple[float, float] | None:
    if counts.total <= 0:
        return None
    # Where the events are of another target than their outcome, they are counted, and only this may be another.
    beside = new.events > 0
    good, bad = float(new.good[beside].sum()), float(new.bad[beside].sum())
    may_be_good, may_be_bad = float(new.good[~beside].sum()), float(new.bad[~beside].sum())
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
